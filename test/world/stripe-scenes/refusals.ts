import type { Passing } from './edge.ts'
import { minute } from './shared.ts'
import type { Stage } from './stage.ts'

/** Ways in which the service, or what stands before it, takes no events for a while. */

export const fails = (stage: Stage): void => stage.edge.setRule({ instead: () => ({ status: 500 }) })
export const works = (stage: Stage): void => stage.edge.setRule(undefined)

/** Tells a delivery of Stripe's from Purser's own test events. */
export const isByStripe = ({ headers }: Passing): boolean => headers['user-agent']?.startsWith('Stripe/') === true

/** The service answers 500 to so many events, a while ago, and works again since. */
export async function refusedBefore(stage: Stage, count: number, ms: number): Promise<readonly string[]> {
  await stage.makes(2)
  await stage.age(minute)
  fails(stage)
  const ids = await stage.makes(count, 'invoice.paid')
  works(stage)
  await stage.age(ms)
  return ids
}

/** The service answers 500 to these events and takes all others. */
export function failsAt(stage: Stage, ids: readonly string[]): void {
  stage.edge.setRule({
    instead: ({ body }) => (ids.some((id) => body.includes(id)) ? { status: 500 } : undefined),
  })
}
