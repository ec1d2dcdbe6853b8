import { setTimeout as pause } from 'node:timers/promises'
import { NoAnswer } from '../../../adapters/http/port.ts'
import type { ProbeAnswer } from '../../../adapters/stripe/port.ts'

const tries = 3
const firstPauseMs = 500

/**
 * Asks up to three times: one 502 of a load balancer, or one dropped connection, is no verdict. `mayFail` says that an error of the service
 * itself is an answer, as to an event that must be refused: only what stands before the service is asked again then.
 */
export async function triedAgain(
  ask: () => Promise<ProbeAnswer>,
  signal: AbortSignal,
  { mayFail = false }: { readonly mayFail?: boolean } = {},
): Promise<ProbeAnswer> {
  const passes = ({ status }: ProbeAnswer) => status === 429 || (mayFail ? ofGateway.includes(status) : status >= 500)
  for (let attempt = 1; ; attempt += 1) {
    const answer = await ask().catch((error: unknown) => {
      signal.throwIfAborted()
      if (error instanceof NoAnswer && error.transient && attempt < tries) return undefined
      throw error
    })
    if (answer !== undefined && (attempt === tries || !passes(answer))) return answer
    await pause(firstPauseMs * 2 ** (attempt - 1), undefined, { signal })
  }
}

/** What a gateway answers for a service that it does not reach. https://www.rfc-editor.org/rfc/rfc9110#name-502-bad-gateway */
const ofGateway: readonly number[] = [502, 503, 504]
