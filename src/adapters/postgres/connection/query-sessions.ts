import type { Sensitive } from '../../../sensitive.ts'
import { ownSignal } from '../../../time-limit.ts'
import { lent, newSession, type Session } from './session.ts'

/** How many questions are asked of one database at once, by one process. */
const atOnce = 4
/** The time for which a connection waits for the next question: most come in groups, and opening one costs more than asking. */
const idleMs = 1_000

interface Waiting {
  readonly go: () => void
}

interface Gate {
  open: number
  readonly waiting: Waiting[]
  /** Connections that wait for the next question, the one used last at the end. */
  readonly idle: { readonly session: Session; readonly limit: NodeJS.Timeout }[]
}

/** By address: there are as many as databases in the configuration, and more only where a password is replaced. */
const gates = new Map<string, Gate>()

function gateOf(address: string): Gate {
  const gate = gates.get(address) ?? { open: 0, waiting: [], idle: [] }
  gates.set(address, gate)
  return gate
}

/**
 * Lends a connection like `withSession`, for a question that is soon answered: of all that are wanted of one database at once only a few are open, and
 * the others wait for their turn, the first one first. Whoever waits inside of a session of its own must not come here.
 */
export async function withQuerySession<T>(
  url: Sensitive,
  doing: string,
  signal: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const gate = gateOf(url.reveal())
  await turn(gate, signal)
  try {
    return await asked(gate, url, doing, signal, work)
  } finally {
    leave(gate)
  }
}

/** Asks on a connection that waits, else on a new one. One that did not come to an answer is not used again. */
async function asked<T>(
  gate: Gate,
  url: Sensitive,
  doing: string,
  signal: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const known = gate.idle.pop()
  if (known !== undefined) clearTimeout(known.limit)
  const session = known?.session ?? newSession(url)
  // The server may close it while it waits.
  if (known === undefined) session.once('end', () => forget(gate, session))
  try {
    const answer = await lent(session, doing, signal, async () => {
      if (known === undefined) await session.connect()
      signal.throwIfAborted()
      return work(session)
    })
    const limit = setTimeout(() => {
      forget(gate, session)
      void session.end().catch(() => {})
    }, idleMs)
    gate.idle.push({ session, limit })
    return answer
  } catch (error) {
    await session.end().catch(() => {})
    throw error
  }
}

function forget(gate: Gate, session: Session): void {
  const place = gate.idle.findIndex((one) => one.session === session)
  const [gone] = place < 0 ? [] : gate.idle.splice(place, 1)
  clearTimeout(gone?.limit)
}

async function turn(gate: Gate, shared: AbortSignal): Promise<void> {
  shared.throwIfAborted()
  if (gate.open < atOnce) {
    gate.open += 1
    return
  }
  const signal = ownSignal(shared)
  await new Promise<void>((resolve, reject) => {
    const mine = {
      go: () => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      },
    }
    const onAbort = (): void => {
      gate.waiting.splice(gate.waiting.indexOf(mine), 1)
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    gate.waiting.push(mine)
  })
}

/** Hands the place to whoever waits longest: it is never free in between, so nobody can come before them. */
function leave(gate: Gate): void {
  const next = gate.waiting.shift()
  if (next === undefined) gate.open -= 1
  else next.go()
}
