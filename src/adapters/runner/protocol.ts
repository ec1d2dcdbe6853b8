import type { Readable, Writable } from 'node:stream'
import { once } from 'node:events'
import { z } from 'zod'

/*
 * What Purser and the runner say to each other: one JSON object a line, over a Unix socket or the standard streams of a
 * child. A connection is one workspace:
 *
 *   Purser   hello · checkout… · checkout-end · run · (stop) · run · … and closes
 *   runner   (waiting) · welcome · ready or not-unpacked · output… · exited, failed or stopped · …
 *
 * Both sides check every line: what is longer than agreed, no JSON, of another shape or out of turn ends the connection, and
 * with it everything that runs in the workspace. A lost connection does the same.
 */

/** 2: a checkout may be several archives. */
export const protocolVersion = 2
/** Bytes of a line. The largest messages are pieces of a checkout and of output, and the environment of a command. */
export const longestLine = 256 * 1024
/** Bytes of a piece, before it is written in base64. */
const longestPiece = 48 * 1024

const piece = z.base64().max(Math.ceil(longestPiece / 3) * 4)
const word = z.string().refine((text) => !text.includes('\0'), 'must not hold a NUL')
const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/)

const purserMessage = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('hello'), version: z.int() }),
  z.strictObject({ type: z.literal('checkout'), data: piece }),
  z.strictObject({ type: z.literal('checkout-end') }),
  z.strictObject({
    type: z.literal('run'),
    argv: z.tuple([word.min(1)], word),
    env: z.record(variable, word),
    timeoutMs: z.int().min(1).max(86_400_000),
  }),
  z.strictObject({ type: z.literal('stop') }),
])
export type PurserMessage = z.infer<typeof purserMessage>

const runnerMessage = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('waiting') }),
  z.strictObject({ type: z.literal('welcome'), version: z.int() }),
  z.strictObject({ type: z.literal('ready') }),
  z.strictObject({ type: z.literal('output'), stream: z.enum(['stdout', 'stderr']), data: piece }),
  z.strictObject({ type: z.literal('exited'), exitCode: z.int().min(0).max(255), milliseconds: z.int().min(0) }),
  z.strictObject({
    type: z.literal('failed'),
    code: z.enum(['command_not_found', 'command_not_started', 'command_timed_out']),
    message: z.string().max(4_096),
    hint: z.string().max(4_096).exactOptional(),
  }),
  z.strictObject({ type: z.literal('stopped') }),
  z.strictObject({ type: z.literal('not-unpacked'), message: z.string().max(4_096) }),
  z.strictObject({ type: z.literal('refused'), message: z.string().max(4_096) }),
])
export type RunnerMessage = z.infer<typeof runnerMessage>

/** The other side does not speak as agreed. */
export class ProtocolError extends Error {}

/** Reads the messages of the other side one at a time: nothing more is read before the last one was dealt with. */
export const messagesOfPurser = (from: Readable): AsyncGenerator<PurserMessage> => messages(from, purserMessage)
export const messagesOfRunner = (from: Readable): AsyncGenerator<RunnerMessage> => messages(from, runnerMessage)

async function* messages<Message>(from: Readable, schema: z.ZodType<Message>): AsyncGenerator<Message> {
  let held: Buffer[] = []
  let size = 0
  // Whoever met a message that is none may still want to say so.
  for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    let at = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, at)) {
      requireShort(size + end - at)
      yield parsed(Buffer.concat([...held, chunk.subarray(at, end)]), schema)
      held = []
      size = 0
      at = end + 1
    }
    held.push(chunk.subarray(at))
    size += chunk.length - at
    requireShort(size)
  }
  if (size > 0) throw new ProtocolError('the last line is cut off')
}

const newline = 0x0a

function requireShort(bytes: number): void {
  if (bytes > longestLine) throw new ProtocolError(`a line has more than ${longestLine} bytes`)
}

function parsed<Message>(line: Buffer, schema: z.ZodType<Message>): Message {
  let value: unknown
  try {
    value = JSON.parse(line.toString())
  } catch {
    throw new ProtocolError("a line isn't JSON")
  }
  const read = schema.safeParse(value)
  if (read.success) return read.data
  const [issue] = read.error.issues
  throw new ProtocolError(`a message is none: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`)
}

/** Writes one message, and waits while the other side does not keep up. */
export async function say(to: Writable, message: PurserMessage | RunnerMessage): Promise<void> {
  const line = `${JSON.stringify(message)}\n`
  if (Buffer.byteLength(line) > longestLine + 1)
    throw new ProtocolError(`a ${message.type} message has more than ${longestLine} bytes`)
  if (to.destroyed || to.writableEnded) throw new ProtocolError('the connection is closed')
  if (to.write(line)) return
  // Whichever comes first: a stream that is gone drains no more.
  const over = new AbortController()
  try {
    await Promise.race([
      once(to, 'drain', { signal: over.signal }),
      once(to, 'close', { signal: over.signal }).then(() => {
        throw new ProtocolError('the connection is closed')
      }),
    ])
  } finally {
    over.abort()
  }
}

/** Cuts what is to be sent into pieces that fit into a message. */
export function pieces(chunk: Buffer): readonly string[] {
  const all: string[] = []
  for (let at = 0; at < chunk.length; at += longestPiece)
    all.push(chunk.subarray(at, at + longestPiece).toString('base64'))
  return all
}
