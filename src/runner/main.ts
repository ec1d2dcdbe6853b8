import { Duplex } from 'node:stream'
import { parseArgs } from 'node:util'
import { listen } from './listen.ts'
import { mayGainRights, strangersOfThisUser } from './processes.ts'
import { serve } from './session.ts'
import { empty } from './workspace-directory.ts'

/*
 * The runner: the program that executes what a version brings along (tests, image build, end-to-end script), as a process
 * of its own without any of Purser's secrets. docs/runner.md says where it runs and what it is told.
 *
 *   node dist/runner/main.js --socket /run/purser-runner/socket --workspace /workspace --scratch /tmp
 *   node dist/runner/main.js --stdio --workspace DIRECTORY       one workspace, spoken to by standard input and output
 *
 * It ends everything of its user after each command, so it refuses to start beside others of that user. `--shared` leaves
 * them alone, and with them whatever a command takes out of its process group.
 */

const { values } = parseArgs({
  options: {
    socket: { type: 'string' },
    stdio: { type: 'boolean', default: false },
    workspace: { type: 'string' },
    scratch: { type: 'string', multiple: true, default: [] },
    shared: { type: 'boolean', default: false },
    processes: { type: 'string', default: '2048' },
    'file-megabytes': { type: 'string', default: '8192' },
    'memory-megabytes': { type: 'string', default: '8192' },
  },
})

const log = (line: string): void => void process.stderr.write(`purser-runner: ${line}\n`)

function refuse(line: string): never {
  log(line)
  process.exit(64)
}

function positive(name: 'processes' | 'file-megabytes' | 'memory-megabytes'): number {
  const value = Number(values[name])
  return Number.isInteger(value) && value > 0 ? value : refuse(`--${name} must be a whole number above 0`)
}

async function requireAlone(): Promise<void> {
  if (await mayGainRights())
    refuse(
      'commands could become another user here (no_new_privs is not set), out of reach: allowPrivilegeEscalation: false sets it',
    )
  const others = await strangersOfThisUser()
  if (others.length === 0) return
  const named = others.slice(0, 5).map(({ pid, name }) => `${name} (${pid})`)
  refuse(
    `a runner ends every process of its user and is not alone with it: ${named.join(', ')}. Give it a user or container of its own`,
  )
}

const { workspace: directory, socket, stdio, shared, scratch } = values
if (directory === undefined) refuse('--workspace is missing')
if (stdio === (socket !== undefined)) refuse('give either --socket PATH or --stdio')
if (socket !== undefined && shared) refuse('--shared goes with --stdio only')
const megabyte = 1024 * 1024
const limits = {
  processes: positive('processes'),
  fileBytes: positive('file-megabytes') * megabyte,
  memoryBytes: positive('memory-megabytes') * megabyte,
}
// As people have it: what a command makes may end up in an image. Nobody else can enter the workspace.
process.umask(0o022)
if (!shared) await requireAlone()
if (socket !== undefined) {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0))
  await listen({ socket, directory, scratch, limits, alone: true, log })
} else {
  const stream = Duplex.from({ readable: process.stdin, writable: process.stdout })
  try {
    await serve(stream, { directory, limits, alone: !shared }, Promise.resolve())
    await empty(directory)
    process.exit(0)
  } catch (error) {
    log(error instanceof Error ? (error.stack ?? error.message) : String(error))
    process.exit(70)
  }
}
