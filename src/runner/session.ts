import { type Duplex, PassThrough } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { clip } from '../outside-text/cut.ts'
import {
  messagesOfPurser,
  pieces,
  ProtocolError,
  protocolVersion,
  type PurserMessage,
  type RunnerMessage,
  say,
} from '../adapters/runner/protocol.ts'
import { type Limits, runCommand } from './command.ts'
import { makeWorkspace, unpack, type WorkspaceDirectory } from './workspace-directory.ts'

export interface SessionOptions {
  /** The directory in which the workspace is made. */
  readonly directory: string
  readonly alone: boolean
  readonly limits: Limits
}

/** How long a connection waits for its turn before it is told that it waits. */
const waitingAfterMs = 500

type Run = Extract<PurserMessage, { type: 'run' }>

/**
 * Serves one connection: a checkout, then commands in it, until the other side closes or does not speak as agreed. When it
 * returns, no command of it runs any more. `mine` resolves when it is this connection's turn.
 */
export async function serve(stream: Duplex, options: SessionOptions, mine: Promise<void>): Promise<void> {
  // A connection that breaks is met by whoever reads or writes next.
  stream.on('error', () => undefined)
  const gone = new AbortController()
  stream.once('close', () => gone.abort())
  const conversation = new Conversation(stream, gone.signal)
  try {
    await greet(conversation, mine)
    const workspace = await takeCheckout(conversation, options)
    if (workspace !== undefined) await takeCommands(conversation, workspace, options)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    await say(stream, { type: 'refused', message: error.message }).catch(() => undefined)
  } finally {
    stream.end()
    await finished(stream, { readable: false, signal: AbortSignal.timeout(5_000) }).catch(() => undefined)
    stream.destroy()
  }
}

/** What Purser says, one message at a time, with a look ahead while a command runs. */
class Conversation {
  readonly gone: AbortSignal
  readonly #stream: Duplex
  readonly #messages: AsyncGenerator<PurserMessage>
  #ahead: Promise<PurserMessage | undefined> | undefined

  constructor(stream: Duplex, gone: AbortSignal) {
    this.#stream = stream
    this.gone = gone
    this.#messages = messagesOfPurser(stream)
  }

  /** The next message; undefined when the other side has closed. */
  async next(): Promise<PurserMessage | undefined> {
    const next = this.peek()
    this.#ahead = undefined
    return next
  }

  /** The next message, which stays the next one. */
  peek(): Promise<PurserMessage | undefined> {
    this.#ahead ??= this.#messages.next().then(
      ({ done, value }) => (done === true ? undefined : value),
      (error: unknown) => {
        // A connection that broke is one that is closed.
        if (error instanceof ProtocolError) throw error
        return undefined
      },
    )
    return this.#ahead
  }

  async say(message: RunnerMessage): Promise<void> {
    await say(this.#stream, message)
  }
}

async function greet(conversation: Conversation, mine: Promise<void>): Promise<void> {
  const hello = await conversation.next()
  if (hello?.type !== 'hello') throw new ProtocolError("the first message isn't a hello")
  if (hello.version !== protocolVersion)
    throw new ProtocolError(`it speaks version ${protocolVersion}, and Purser ${hello.version}`)
  const turn = mine.then(() => 'mine' as const)
  const first = await Promise.race([turn, sleep(waitingAfterMs, 'waiting' as const, { ref: false })])
  if (first === 'waiting') {
    await conversation.say({ type: 'waiting' })
    await Promise.race([mine, aborted(conversation.gone)])
  }
  await conversation.say({ type: 'welcome', version: protocolVersion })
}

async function takeCheckout(
  conversation: Conversation,
  { directory }: SessionOptions,
): Promise<WorkspaceDirectory | undefined> {
  const workspace = await makeWorkspace(directory)
  const archive = new PassThrough()
  // Once tar has failed the rest is read and forgotten: the other side is told when it has sent all of it.
  archive.on('error', () => undefined)
  const cut = new AbortController()
  const unpacking = unpack(archive, workspace.checkout, AbortSignal.any([conversation.gone, cut.signal])).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
  for (;;) {
    const message = await conversation.next()
    if (message === undefined) {
      cut.abort()
      await unpacking
      return undefined
    }
    if (message.type === 'checkout-end') break
    if (message.type !== 'checkout') throw new ProtocolError(`${message.type} out of turn: the checkout is not whole`)
    if (!archive.write(Buffer.from(message.data, 'base64')))
      await Promise.race([drained(archive), unpacking.then(() => archive.resume())])
  }
  archive.end()
  const problem = await unpacking
  if (problem !== undefined) {
    await conversation.say({ type: 'not-unpacked', message: clip(problem, 4_000) })
    return undefined
  }
  await conversation.say({ type: 'ready' })
  return workspace
}

async function takeCommands(
  conversation: Conversation,
  workspace: WorkspaceDirectory,
  options: SessionOptions,
): Promise<void> {
  for (;;) {
    const message = await conversation.next()
    if (message === undefined) return
    // A stop that came when the command had just ended.
    if (message.type === 'stop') continue
    if (message.type !== 'run') throw new ProtocolError(`${message.type} out of turn: the checkout is there`)
    await takeCommand(conversation, message, workspace, options)
  }
}

async function takeCommand(
  conversation: Conversation,
  { argv, env, timeoutMs }: Run,
  { checkout, home, temporary }: WorkspaceDirectory,
  { alone, limits }: SessionOptions,
): Promise<void> {
  const stop = new AbortController()
  const listening = conversation.peek().then(
    () => stop.abort(),
    () => stop.abort(),
  )
  const [program, ...more] = argv
  const end = await runCommand(
    {
      argv: [program, ...more],
      cwd: checkout,
      env: { ...(alone ? { HOME: home, TMPDIR: temporary } : {}), ...env },
      timeoutMs,
      limits,
      alone,
      onOutput: async (stream, chunk) => {
        for (const data of pieces(chunk)) await conversation.say({ type: 'output', stream, data })
      },
    },
    AbortSignal.any([stop.signal, conversation.gone]),
  )
  // Whatever was said meanwhile ended the command; if it was a stop, the workspace goes on.
  if (stop.signal.aborted) {
    await listening
    const said = await conversation.next()
    if (said !== undefined && said.type !== 'stop') throw new ProtocolError(`${said.type} out of turn: a command runs`)
    if (said === undefined) return
  }
  await conversation.say(end)
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const gone = (): void => reject(new ProtocolError('the connection is closed'))
    if (signal.aborted) gone()
    else signal.addEventListener('abort', gone, { once: true })
  })
}

function drained(archive: PassThrough): Promise<void> {
  return new Promise((resolve) => archive.once('drain', () => resolve()))
}
