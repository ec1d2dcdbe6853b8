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
      return `Run ${number} is a ${run.kind}; only deploys and restores can be rolled back.`
    case 'rolled_back':
      return `Run ${number} is already being rolled back, or was, by run #${refusal.by}.`
    case 'not_finished':
      return `Run ${number} is still ${run.status === 'awaiting_approval' ? 'waiting' : 'running'}. Cancel it first: /billing cancel ${number}`
    case 'nothing_to_put_back':
      return `Run ${number} has changed nothing that could be put back.`
    case 'locked':
      return `${run.environment} is locked (${refusal.lock.reason}). /billing unlock, then /billing rollback ${number}`
    case 'too_late':
      return `Run ${number} ended more than ${refusal.hours} h ago; deploy the version you want instead.`
    case 'changed_since':
      return `Run #${refusal.by} has changed ${run.environment} since. Roll that one back first: /billing rollback #${refusal.by}`
  }
}

/** Why the dialog of a rollback offers nothing to confirm. */
export type RollbackDialogRefusal =
  | RollbackTargetRefusal
  | { readonly reason: 'schema_too_new'; readonly schema: SchemaRefusal }
  /** Somebody asked for a revision, and the cluster does not say which there are. */
  | { readonly reason: 'revisions_unseen'; readonly why: string }

export function rollbackDialogRefusalWords(run: number, refusal: RollbackDialogRefusal): RefusalWords {
  const another = `Choose one that has served: /billing rollback #${run} --to-revision K`
  switch (refusal.reason) {
    case 'paused':
      return {
        why: `Deployment ${refusal.deployment} is paused: what is put back would not be rolled out.`,
        next: `kubectl rollout resume deployment/${refusal.deployment}, then ask again.`,
      }
    case 'foreign_change':
      return {
        why: `${foreignChangeSentence(refusal.change)} A rollback would take that away too, so it stops.`,
        next: 'Put the deployment back by hand if it must go, or deploy the version that you want.',
      }
    case 'no_such_revision':
      return { why: `Deployment ${refusal.deployment} has no revision ${refusal.revision}.`, next: another }
    case 'runs_now':
      return { why: `Revision ${refusal.revision} is what runs now.`, next: another }
    case 'unproven':
      return {
        why: `Revision ${refusal.revision} ${healthWords({ health: refusal.health, current: false })}.`,
        next: another,
      }
    case 'schema_too_new':
      return schemaTooNewWords(run, refusal.schema)
    case 'revisions_unseen':
      return {
        why: `The cluster could not be asked which revisions there are: ${refusal.why}.`,
        next: `Without --to-revision the rollback goes back to what stood there before run #${run}.`,
      }
  }
}

/** Says that the version which a rollback would bring back cannot run on the schema that stays. */
export function schemaTooNewWords(run: number, schema: SchemaRefusal): RefusalWords {
  const { text, next } = schemaRefusalWords(schema)
  const after = schema.backupOfRun === undefined ? '' : `, then /billing rollback #${run}`
  return { why: sentence(text), next: `${next}${after}` }
}

/** Words why the cluster was not seen, after "could not be asked: ". */
export function noAnswerWithin(seconds: number): string {
  return `it did not answer within ${seconds} s or refused to`
}

/** Words a revision's health, as in "never became healthy" after "Revision 3". */
export function healthWords({ health, current }: Pick<RevisionChoice, 'health' | 'current'>): string {
  switch (health) {
    case 'serves':
      return current ? 'runs now' : 'still serves'
    case 'served':
      return 'has served'
    case 'failed':
      return 'never became healthy'
    case 'unknown':
      return current ? 'is not healthy now' : 'was never seen healthy by Purser'
  }
}

/** Words the run, and why nothing can be done to it now, without a full stop, as errors are. */
export function transitionRefusalText(run: number, refusal: TransitionRefusal): string {
  return `run #${run}: ${transitionText(run, refusal)}`
}

function transitionText(run: number, refusal: TransitionRefusal): string {
  switch (refusal.reason) {
    case 'wrong_status':
      return `the run is ${statusWords[refusal.status]}`
    case 'phase_not_under_way':
      return `${refusal.phase} is not under way`
    case 'taken_back':
      return `run #${refusal.by} takes its changes back; deploy again instead`
    case 'no_failed_phase':
      return 'no phase has failed'
    case 'stale_plan':
      return 'the plan has changed since this button was shown'
    case 'already_approved':
      return 'you have already approved this plan'
    case 'not_watched':
      return `Run #${run} is not being watched any more.`
    case 'same_decision':
      return 'That has been decided already.'
    case 'other_decision':
      return `The watch of run #${run} is being ended: ${decisionWords[refusal.decision]}.`
    case 'nothing_broken':
      return `Nothing has gone wrong in run #${run} so far; Finish now ends its watch.`
    case 'rule_broken':
      return `A rule has been broken in run #${run}: roll back, keep watching or stop watching.`
  }
}

const statusWords: Readonly<Record<RunStatus, string>> = {
  planning: 'still being planned',
  awaiting_approval: 'waiting for approval',
  executing: 'running',
  cancelling: 'being cancelled',
  failed: 'failed',
  left: 'failed and left as it is',
  planned: 'a dry run',
  succeeded: 'finished',
  rejected: 'rejected',
  expired: 'expired',
  cancelled: 'cancelled',
}

const decisionWords: Readonly<Record<WatchDecision, string>> = {
  finish: 'somebody finished it',
  keep: 'it goes on',
  stop: 'somebody stopped it',
  roll_back: 'it is rolled back',
}
