import { setImmediate as turn } from 'node:timers/promises'
import { KnownSecrets } from '../src/outside-text/known-secrets.ts'
import { LineReader, ShownLines } from '../src/outside-text/lines.ts'
import { Sensitive } from '../src/sensitive.ts'
import { type Result, takeTurns } from './measure.ts'

/** What a pipe hands over at once. */
const chunkBytes = 65_536

/** Text from outside beside what one would write first: every line as a string, and one pattern for each secret and each shape. */
export async function measureOutsideText(quick: boolean, runs: number): Promise<readonly Result[]> {
  const size = quick ? 100_000 : 10_000_000
  const secrets = Array.from({ length: 20 }, (_, at) => `secret-${at}-${'0123456789abcdef'.repeat(2)}`)
  const line = `{"level":"info","msg":"charged","id":"evt_1NG8Du2eZvKYlo2C","token":"${secrets[3]}"}\n`
  const lines = Buffer.from(line.repeat(quick ? 1_000 : 100_000))
  const long = Buffer.from(`${'eyJhbGciOiJIUzI1NiIs'.repeat(Math.ceil(size / 20))}\n`)
  const words = Buffer.from(`${'charged evt_1NG8Du2eZvKYlo2C for '.repeat(Math.ceil(size / 33))}\n`)
  const megabytes = `${size / 1_000_000} MB in one line`
  return [
    await compared(`${quick ? '1,000' : '100,000'} lines of a log`, lines, secrets, runs),
    await compared(megabytes, words, secrets, runs),
    await compared(`${megabytes}, without a space`, long, secrets, runs),
  ]
}

async function compared(what: string, bytes: Buffer, secrets: readonly string[], runs: number): Promise<Result> {
  const known = new KnownSecrets(secrets.map((secret) => new Sensitive(secret)))
  // What is learned is made ready once.
  known.hide('')
  let longest = 0
  const times = await takeTurns(runs, {
    rival: async () => {
      await inChunks(bytes, naive(secrets))
    },
    ours: async () => {
      longest = Math.max(longest, await inChunks(bytes, shown(known)))
    },
  })
  return {
    what,
    rival: { name: 'whole lines, a pattern each', milliseconds: times.rival },
    ours: { name: 'decoded, cleaned, masked, cut', milliseconds: times.ours },
    runs,
    note: `${what}: the event loop stood still for ${longest.toFixed(1)} ms at most.`,
  }
}

/** As a pipe does: the event loop goes on between two chunks. Returns how long it stood still for the slowest, in milliseconds. */
async function inChunks(bytes: Buffer, push: (chunk: Buffer) => void): Promise<number> {
  let longest = 0
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const began = performance.now()
    push(bytes.subarray(at, at + chunkBytes))
    longest = Math.max(longest, performance.now() - began)
    await turn()
  }
  return longest
}

function shown(known: KnownSecrets): (chunk: Buffer) => void {
  const reader = new LineReader()
  const lines = new ShownLines(known)
  return (chunk) => {
    for (const line of reader.push(chunk)) lines.of(line)
  }
}

/** Bounded as well as a pattern can be: without a bound the line without a space takes minutes. */
const shapes = [
  /sk_(?:live|test)_\w{6,}/g,
  /whsec_\w{6,}/g,
  /xox[a-z]-[\w-]{6,}/g,
  /ghp_\w{16,}/g,
  /Bearer [\w.~+/=-]{16,}/g,
  /eyJ[\w-]{8,200}\.[\w-]{8,200}\.[\w-]{1,200}/g,
  /"(?:password|token|secret)":"[^"]*"/g,
]

function naive(secrets: readonly string[]): (chunk: Buffer) => void {
  let rest = ''
  return (chunk) => {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      let text = line
      for (const secret of secrets) text = text.replaceAll(secret, '[masked]')
      for (const shape of shapes) text = text.replace(shape, '[masked]')
    }
  }
}
