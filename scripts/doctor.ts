import { doctorCommand } from '../src/start/doctor-command.ts'

// Looks whether purser.yaml, the environment and everything that they name fit together, before anything is started.

process.exitCode = await doctorCommand(process.argv.slice(2), process.env, (line) => process.stdout.write(`${line}\n`))
