const minute = 60_000
const hour = 60 * minute

/*
 * In live mode Stripe tries for up to three days with an exponential back-off, in a sandbox three times more over a few
 * hours. https://docs.stripe.com/webhooks#retries, https://docs.stripe.com/workbench/webhooks
 * The pauses are not documented. These are assumed: they grow, the last live try lies within the three days, and the
 * third one of a sandbox within four hours.
 */
const live = [5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 12 * hour, 12 * hour, 12 * hour, 12 * hour]
const sandbox = [10 * minute, hour, 2 * hour]

/** The pauses before each retry of a delivery that failed. */
export function retrySchedule(livemode: boolean, fasterBy: number): readonly number[] {
  return (livemode ? live : sandbox).map((pause) => pause / fasterBy)
}
