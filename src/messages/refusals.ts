import type { Run } from '../model/run.ts'
import type { RollbackRefusal } from '../model/why-not-roll-back.ts'

/** One sentence or two: why the run cannot be rolled back, and what to do instead. */
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
