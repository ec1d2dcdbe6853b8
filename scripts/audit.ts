import { auditCommand } from '../src/start/audit-command.ts'

// Verifies the record of who did what. It lies beside the program, not in it: whoever verifies need not trust the machine
// that writes.

process.exitCode = await auditCommand(process.argv.slice(2), process.env, (line) => process.stdout.write(`${line}\n`))
