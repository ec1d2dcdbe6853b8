import type { RestorePlan } from '../../model/restore-plan.ts'
import { nameOf } from '../../model/restored-release.ts'
import type { PhaseContext } from '../phase.ts'
import { missedEvents } from '../stripe/missed/missed-events.ts'
import { resendEvents } from '../stripe/missed/resend-events.ts'

const mostListed = 30

/**
 * Sends the events since the backup to the service once more: delivered or not, the restored database lacks them. Nothing
 * is sent to a release that is known not to process them. Returns what came of it, in a few words for the board.
 */
export async function sendMissedEvents(context: PhaseContext, plan: RestorePlan): Promise<string> {
  const { backup, release } = plan
  if (release?.after === 'former' && release.noEvents !== undefined) {
    const line = `no events sent again: ${release.noEvents}`
    await context.tell({ kind: 'note', text: `Stripe: ${line}.` }, 'events')
    return line
  }
  await context.report('looking for events since the backup')
  const missed = await context.step('look for missed events', async () => {
    const since = new Date(backup.startedAt ?? backup.finishedAt)
    const { events, line, complete } = await missedEvents(context, since, { databaseSetBack: true })
    return { events: [...events], line, complete }
  })
  const rest = missed.complete
    ? ''
    : ' There are more than could be looked at: the rest has to be sent from the dashboard.'
  if (release?.after === 'kept' && release.unfit && missed.events.length > 0) {
    const line = `${missed.events.length} held back: ${nameOf(release.running)} can't process them on this schema`
    const ids = missed.events.slice(0, mostListed).map(({ created, type, id }) => `• ${created} ${type} ${id}`)
    const text = [`Stripe: ${missed.line}, ${line}.${rest}`, ...ids, ...andMore(missed.events.length)]
    await context.tell({ kind: 'note', text: text.join('\n') }, 'events')
    return line
  }
  const { events, line } = await resendEvents(context, missed.events)
  const listed = events
    .slice(0, mostListed)
    .map(
      ({ created, type, id, outcome, detail }) =>
        `• ${created} ${type} ${id}: ${outcome}${outcome === 'accepted' || outcome === 'processed' ? '' : ` (${detail})`}`,
    )
  const text = [`Stripe: ${missed.line}, ${line}.${rest}`, ...listed, ...andMore(events.length)]
  await context.tell({ kind: 'note', text: text.join('\n') }, 'events')
  return line
}

function andMore(count: number): readonly string[] {
  return count > mostListed ? [`… and ${count - mostListed} more`] : []
}
