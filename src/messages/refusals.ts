import type { TransitionRefusal } from '../model/errors.ts'
import type { RevisionChoice, RollbackTargetRefusal } from '../model/rollback-target.ts'
import type { Run, RunStatus, WatchDecision } from '../model/run.ts'
import type { SchemaRefusal } from '../model/schema-compatibility.ts'
import { foreignChangeSentence, schemaRefusalWords } from '../model/shared-sentences.ts'
import type { RollbackRefusal } from '../model/why-not-roll-back.ts'
import { sentence } from '../text.ts'

/** A refusal in plain text: why not, as sentences, and what to do instead. */
interface RefusalWords {
  readonly why: string
  readonly next: string
}

/** Words in a sentence or two why the run cannot be rolled back, and what to do instead. */
export function rollbackRefusalText(
  run: Pick<Run, 'number' | 'kind' | 'environment' | 'status'>,
  refusal: RollbackRefusal,
): string {
  const number = `#${run.number}`
  switch (refusal.reason) {
    case 'not_undoable':
      return `Run ${number} is a ${run.kind}. Only deploys and restores can be rolled back.`
    case 'rolled_back':
      return `Run ${number} already has a rollback: run #${refusal.by}.`
    case 'not_finished':
      return `Run ${number} is still ${run.status === 'awaiting_approval' ? 'waiting' : 'running'}. Cancel it first: \`/billing cancel ${number}\``
    case 'nothing_to_put_back':
      return `Run ${number} has no changes to roll back.`
    case 'too_late':
      return `Run ${number} ended more than ${refusal.hours} h ago. Deploy the version you want instead.`
    case 'changed_since':
      return `Run #${refusal.by} has changed ${run.environment} since. Roll that one back first: \`/billing rollback #${refusal.by}\``
  }
}

/** Why the dialog of a rollback offers nothing to confirm. */
export type RollbackDialogRefusal =
  | RollbackTargetRefusal
  | { readonly reason: 'schema_too_new'; readonly schema: SchemaRefusal }
  /** Somebody asked for a revision, and the cluster does not say which there are. */
  | { readonly reason: 'revisions_unseen'; readonly why: string }

export function rollbackDialogRefusalWords(run: number, refusal: RollbackDialogRefusal): RefusalWords {
  const another = `Choose one that was healthy: \`/billing rollback #${run} --to-revision K\``
  switch (refusal.reason) {
    case 'paused':
      return {
        why: `Deployment ${refusal.deployment} is paused, so a rollback wouldn't be rolled out.`,
        next: `Run kubectl rollout resume deployment/${refusal.deployment}, then try again.`,
      }
    case 'foreign_change':
      return {
        why: `${foreignChangeSentence(refusal.change)} Rolling back would overwrite that, so Purser won't.`,
        next: 'Roll the Deployment back by hand, or deploy the version you want.',
      }
    case 'no_such_revision':
      return { why: `Deployment ${refusal.deployment} has no revision ${refusal.revision}.`, next: another }
    case 'runs_now':
      return { why: `Revision ${refusal.revision} already runs.`, next: another }
    case 'unproven':
      return {
        why: `Revision ${refusal.revision} ${healthWords({ health: refusal.health, current: false })}.`,
        next: another,
      }
    case 'schema_too_new':
      return schemaTooNewWords(refusal.schema)
    case 'revisions_unseen':
      return {
        why: `Couldn't check the revisions in the cluster: ${refusal.why}.`,
        next: `Without --to-revision, you roll back to the state before run #${run}.`,
      }
  }
}

/** Says that the version which a rollback would bring back cannot run on the schema that stays. */
export function schemaTooNewWords(schema: SchemaRefusal): RefusalWords {
  const { text, next } = schemaRefusalWords(schema)
  const after = schema.backupOfRun === undefined ? '' : ', with the version that ran then'
  return { why: sentence(text), next: `${next}${after}` }
}

/** Words why the cluster was not seen, after a colon. */
export function noAnswerWithin(seconds: number): string {
  return `no answer within ${seconds} s, or a refusal`
}

/** Words a revision's health, as in "never became healthy" after "Revision 3". */
export function healthWords({ health, current }: Pick<RevisionChoice, 'health' | 'current'>): string {
  switch (health) {
    case 'serves':
      return current ? 'runs now' : 'still serves'
    case 'served':
      return 'was healthy'
    case 'failed':
      return 'never became healthy'
    case 'unknown':
      return current ? "isn't healthy now" : 'was never seen healthy by Purser'
  }
}

/** Words the run, and why nothing can be done to it now, without a full stop, as errors are. */
export function transitionRefusalText(run: number, refusal: TransitionRefusal): string {
  if (refusal.reason === 'wrong_status') return `run #${run} ${statusWords[refusal.status]}`
  return `run #${run}: ${transitionText(refusal)}`
}

function transitionText(refusal: Exclude<TransitionRefusal, { reason: 'wrong_status' }>): string {
  switch (refusal.reason) {
    case 'phase_not_under_way':
      return `${refusal.phase} isn't running`
    case 'taken_back':
      return `run #${refusal.by} rolls it back. Start a new deploy instead`
    case 'no_failed_phase':
      return 'no phase has failed'
    case 'stale_plan':
      return 'the plan has changed. Review the new one'
    case 'already_approved':
      return 'you already approved this plan'
    case 'not_watched':
      return 'monitoring already ended'
    case 'same_decision':
      return 'that was already decided'
    case 'other_decision':
      return `that was already decided: ${decisionWords[refusal.decision]}`
    case 'nothing_broken':
      return 'no rule is broken'
    case 'rule_broken':
      return 'a rule is broken. Roll back, keep monitoring or stop'
  }
}

const statusWords: Readonly<Record<RunStatus, string>> = {
  planning: 'is still being planned',
  awaiting_approval: 'is waiting for approval',
  executing: 'is running',
  cancelling: 'is being cancelled',
  failed: 'failed',
  left: 'already ended',
  planned: 'is a dry run',
  succeeded: 'already ended',
  rejected: 'was rejected',
  expired: 'expired',
  cancelled: 'was cancelled',
}

const decisionWords: Readonly<Record<WatchDecision, string>> = {
  finish: 'monitoring ended',
  keep: 'monitoring continues',
  stop: 'monitoring was stopped',
  roll_back: 'roll back',
}
