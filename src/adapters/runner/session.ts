import { type Duplex, PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { CommandError, withEvidence } from '../process/errors.ts'
import type { CommandOutcome } from '../process/port.ts'
import { OutputTail } from '../process/tail.ts'
import { RunnerError } from './errors.ts'
import type { Workspace, WorkspaceCommand, WorkspaceRequest } from './port.ts'
import {
  messagesOfRunner,
  pieces,
  ProtocolError,
  protocolVersion,
  type PurserMessage,
  type RunnerMessage,
  say,
} from './protocol.ts'

/** A connection to a runner, and what it said when it did not speak as agreed. */
export interface Connection {
  readonly stream: Duplex
  /** What the runner wrote to its log, where that can be read: why it did not start. */
  readonly lastWords: () => readonly string[]
  /** Resolves when nothing of the runner's side is left that ours could see. */
  readonly gone: () => Promise<void>
}

/** How long a runner may take to end a command, beyond the command's own time. Its grace time is 5 s. */
const endingMs = 30_000

const transientHint = "Nothing was run. Check the runner's log, and retry the phase when it is back."
const lostHint =
  'How far the command came is not known: it was ended with the connection, and may have done its work before. Look at what it changes, then retry the phase.'

/** Says hello, hands over the checkout, and returns the workspace that the runner made of it. */
export async function openSession(
  connection: Connection,
  request: WorkspaceRequest,
  signal: AbortSignal,
): Promise<Workspace> {
  const session = new Session(connection)
  const abort = (): void => void connection.stream.destroy()
  signal.addEventListener('abort', abort, { once: true })
  try {
    signal.throwIfAborted()
    await session.begin(request, signal)
    return session
  } catch (error) {
    await session.close()
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

class Session implements Workspace {
  readonly #connection: Connection
  readonly #messages: AsyncGenerator<RunnerMessage>

  constructor(connection: Connection) {
    this.#connection = connection
    this.#messages = messagesOfRunner(connection.stream)
    // What went wrong is met where somebody waits for an answer.
    connection.stream.on('error', () => undefined)
  }

  async begin({ checkout, onWaiting }: WorkspaceRequest, signal: AbortSignal): Promise<void> {
    const doing = 'handing the checkout to the runner'
    await this.#say({ type: 'hello', version: protocolVersion }, doing, 'runner_unreachable')
    let answer = await this.#next(doing, 'runner_unreachable')
    while (answer.type === 'waiting') {
      onWaiting?.()
      answer = await this.#next(doing, 'runner_unreachable')
    }
    if (answer.type === 'refused')
      throw new RunnerError('runner_refused', `${doing}: it refuses: ${answer.message}`, {
        hint: 'Purser and its runner must be of the same version: build both images from one Dockerfile.',
      })
    if (answer.type !== 'welcome') throw this.#outOfTurn(answer, doing)
    await this.#handOver(checkout, doing, signal)
    const made = await this.#next(doing, 'runner_unreachable')
    if (made.type === 'not-unpacked')
      throw new RunnerError('checkout_failed', `${doing}: ${made.message}`, {
        hint: 'Is its disk full, or the checkout larger than the limit of its volume?',
        evidence: this.#connection.lastWords(),
      })
    if (made.type !== 'ready') throw this.#outOfTurn(made, doing)
  }

  async run({ argv, env, timeoutMs, onLine }: WorkspaceCommand, signal: AbortSignal): Promise<CommandOutcome> {
    signal.throwIfAborted()
    const doing = `running ${argv[0]}`
    const output = new OutputTail(onLine)
    const whole = Math.ceil(timeoutMs)
    const watch = this.#watch(whole, signal)
    try {
      await this.#say({ type: 'run', argv: [...argv], env: { ...env }, timeoutMs: whole }, doing, 'runner_lost')
      const end = await this.#untilEnd(output, doing)
      output.end()
      signal.throwIfAborted()
      if (end.type === 'exited') return { exitCode: end.exitCode, milliseconds: end.milliseconds, tail: output.lines }
      if (end.type === 'failed') throw commandFailed(end)
      throw new RunnerError('runner_lost', `${doing}: the runner has stopped it`, { hint: lostHint })
    } catch (error) {
      signal.throwIfAborted()
      throw withEvidence(error, output.lines)
    } finally {
      watch.abort()
    }
  }

  async close(): Promise<void> {
    const { stream, gone } = this.#connection
    stream.end()
    await gone()
    stream.destroy()
  }

  /** Tells the runner to stop the command; one that does not answer in time is left, which ends the command too. */
  #watch(timeoutMs: number, signal: AbortSignal): AbortController {
    const over = new AbortController()
    const { stream } = this.#connection
    const destroyAfter = (milliseconds: number): void => {
      sleep(milliseconds, undefined, { signal: over.signal, ref: false }).then(
        () => stream.destroy(),
        () => undefined,
      )
    }
    const stop = (): void => {
      say(stream, { type: 'stop' }).catch(() => undefined)
      destroyAfter(endingMs)
    }
    signal.addEventListener('abort', stop, { once: true, signal: over.signal })
    destroyAfter(timeoutMs + endingMs)
    return over
  }

  async #handOver(checkout: WorkspaceRequest['checkout'], doing: string, signal: AbortSignal): Promise<void> {
    const broken = new AbortController()
    const to = new PassThrough()
    // Whoever writes to it is told by the signal, and by what is raised below.
    to.on('error', () => undefined)
    const sending = this.#sendAll(to).catch((error: unknown) => {
      broken.abort(error)
      to.destroy()
    })
    try {
      await checkout(to, AbortSignal.any([signal, broken.signal]))
    } catch (error) {
      if (broken.signal.aborted) throw await this.#lost(doing, 'runner_unreachable', broken.signal.reason)
      throw error
    }
    to.end()
    await sending
    if (broken.signal.aborted) throw await this.#lost(doing, 'runner_unreachable', broken.signal.reason)
    await this.#say({ type: 'checkout-end' }, doing, 'runner_unreachable')
  }

  async #sendAll(archive: PassThrough): Promise<void> {
    for await (const chunk of archive as AsyncIterable<Buffer>)
      for (const data of pieces(chunk)) await say(this.#connection.stream, { type: 'checkout', data })
  }

  async #untilEnd(
    output: OutputTail,
    doing: string,
  ): Promise<Extract<RunnerMessage, { type: 'exited' | 'failed' | 'stopped' }>> {
    for (;;) {
      const message = await this.#next(doing, 'runner_lost')
      if (message.type === 'exited' || message.type === 'failed' || message.type === 'stopped') return message
      if (message.type !== 'output') throw this.#outOfTurn(message, doing)
      output[message.stream](Buffer.from(message.data, 'base64'))
    }
  }

  async #say(message: PurserMessage, doing: string, code: 'runner_lost' | 'runner_unreachable'): Promise<void> {
    await say(this.#connection.stream, message).catch(async (error: unknown) => {
      throw await this.#lost(doing, code, error)
    })
  }

  async #next(doing: string, code: 'runner_lost' | 'runner_unreachable'): Promise<RunnerMessage> {
    const next = await this.#messages.next().catch(async (error: unknown) => {
      throw await this.#lost(doing, code, error)
    })
    if (next.done === true) throw await this.#lost(doing, code, undefined)
    return next.value
  }

  #outOfTurn({ type }: RunnerMessage, doing: string): RunnerError {
    this.#connection.stream.destroy()
    return new RunnerError('runner_lost', `${doing}: the runner said ${type} out of turn`, { hint: lostHint })
  }

  async #lost(doing: string, code: 'runner_lost' | 'runner_unreachable', cause: unknown): Promise<RunnerError> {
    this.#connection.stream.destroy()
    // Its last words are there once it has ended.
    await this.#connection.gone()
    const why = cause instanceof Error ? cause.message : 'it closed the connection'
    const said = cause instanceof ProtocolError ? `it does not speak as agreed (${why})` : why
    return new RunnerError(code, `${doing}: the runner is lost: ${said}`, {
      hint: code === 'runner_lost' ? lostHint : transientHint,
      transient: code === 'runner_unreachable' && !(cause instanceof ProtocolError),
      evidence: this.#connection.lastWords(),
      cause,
    })
  }
}

function commandFailed({ code, message, hint }: Extract<RunnerMessage, { type: 'failed' }>): CommandError {
  return new CommandError(code, message, hint === undefined ? {} : { hint })
}
