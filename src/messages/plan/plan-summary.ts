import type { Block, KnownBlock } from '@slack/types'
import type { DeployPlan } from '../../model/deploy-plan.ts'
import { list } from '../blocks/list.ts'
import { paragraph, words } from '../blocks/message.ts'
import { counted } from '../../text.ts'
import { commitsInShort } from './changes.ts'
import { estimate, noRisks, stripeInShort } from './plan-text.ts'

/** Shows a plan to whoever decides: what may go wrong, whether there is a way back, how much changes, how long it takes. */
export function planSummary(plan: DeployPlan): readonly (KnownBlock | Block)[] {
  const style = { line: 250, cap: { lines: 8, chars: 1500, rest: 'in the thread' } }
  return [
    ...list(risksOf(plan), plan.risks, style),
    paragraph(
      [
        `*Rollback:* ${words(wayBack(plan), 400)}`,
        `*Changes:* ${words(planChanges(plan), 500)}`,
        `${estimate(plan)}.`,
      ].join('\n'),
    ),
  ]
}

/** Counts the risks; that there is none is said only with what was read. */
export function risksOf(plan: DeployPlan): string {
  return plan.risks.length === 0 ? noRisks(plan) : counted(plan.risks.length, 'risk')
}

/** Answers "can I go back?" from what the plan found out. */
function wayBack({ current, closesRollback, rollbackMayFail, migrations, stripe, rollback }: DeployPlan): string {
  if (closesRollback !== undefined)
    return `none after this. ${current.version ?? 'The current version'} can't run on the new schema. The only way back is restoring the backup.`
  if (rollback.length === 0) return 'nothing to roll back'
  const exceptions = [
    ...(migrations.length === 0 ? [] : [counted(migrations.length, 'migration')]),
    ...(stripe.action === 'replace' && stripe.why === 'secret' ? ['the new Stripe endpoint'] : []),
  ]
  const possible = exceptions.length === 0 ? 'possible' : `possible, except ${exceptions.join(' and ')}`
  if (rollbackMayFail !== true) return possible
  return `${possible}. ${current.version ?? 'The current version'} may fail on the new schema, see the risks`
}

function planChanges(plan: DeployPlan): string {
  const jobs = (outcome: 'created' | 'changed') => plan.cronJobs.filter((job) => job.outcome === outcome).length
  const { created, changed } = { created: jobs('created'), changed: jobs('changed') }
  return [
    ...(plan.changes === undefined ? [] : [commitsInShort(plan.changes)]),
    plan.migrations.length === 0 ? 'no migrations' : counted(plan.migrations.length, 'migration'),
    ...(typeof plan.image.build === 'object' ? ['image built by Purser'] : []),
    ...(plan.stripe.action === 'keep' ? [] : [stripeInShort(plan.stripe)]),
    ...(created === 0 ? [] : [counted(created, 'new CronJob')]),
    ...(changed === 0 ? [] : [counted(changed, 'changed CronJob')]),
  ].join(' · ')
}
