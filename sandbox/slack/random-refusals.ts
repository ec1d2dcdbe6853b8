import type { Fault, Json } from './model.ts'

/** How often posts and edits are refused at random, and which: the same seed refuses the same ones again. */
export interface RandomRefusals {
  readonly seed: number
  /** From 0, none, to below 1: a message that is always refused never arrives. */
  readonly rate: number
}

/** Reads `7:0.3`. Raises Error for what is none. */
export function refusalsFrom(text: string): RandomRefusals {
  const [, seed, rate] = /^(\d+):(0(?:\.\d+)?)$/.exec(text) ?? []
  if (seed === undefined) throw new Error(`"${text}" is no SEED:RATE as in 7:0.3 (a rate from 0 to below 1)`)
  return { seed: Number(seed), rate: Number(rate) }
}

const refusable: ReadonlySet<string> = new Set(['chat.postMessage', 'chat.update', 'chat.postEphemeral'])
/** No text of this length was ever seen refused for it. */
const surelyShort = 1_000

/** What Slack says of the form of a message, and of itself, with the messages of which it may say it. */
const refusals: readonly { readonly fault: Fault; readonly fits: (args: Json) => boolean }[] = [
  { fault: { error: 'invalid_blocks' }, fits: hasBlocks },
  { fault: { error: 'msg_blocks_too_long' }, fits: hasBlocks },
  { fault: { error: 'msg_too_long' }, fits: ({ text }) => typeof text === 'string' && text.length > surelyShort },
  { fault: { status: 429, retryAfter: 1 }, fits: () => true },
  { fault: { error: 'internal_error' }, fits: () => true },
  { fault: { error: 'service_unavailable' }, fits: () => true },
  { fault: { status: 503 }, fits: () => true },
]

/**
 * Decides which calls are refused and how. It depends on the seed, the method and how many calls of that method came before, and
 * on nothing else: posts do not change what becomes of edits.
 */
export function refuseAtRandom({ seed, rate }: RandomRefusals): (method: string, args: Json) => Fault | undefined {
  const counts = new Map<string, number>()
  return (method, args) => {
    if (!refusable.has(method)) return undefined
    const count = (counts.get(method) ?? 0) + 1
    counts.set(method, count)
    if (drawn(`${seed} ${method} ${count} whether`) >= rate) return undefined
    const possible = refusals.filter(({ fits }) => fits(args))
    return possible[Math.floor(drawn(`${seed} ${method} ${count} which`) * possible.length)]?.fault
  }
}

function hasBlocks({ blocks }: Json): boolean {
  return blocks !== undefined && blocks !== '' && blocks !== '[]'
}

/** A number from 0 to below 1 that follows from the text: FNV-1a, and the last step of MurmurHash3 to stir its bits. */
function drawn(text: string): number {
  let hash = 0x811c9dc5
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}
