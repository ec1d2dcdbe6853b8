import { type ErrorFacts, PurserError } from '../errors.ts'
import { differenceWords, type PlanDifference } from '../model/plan-difference.ts'
import { counted } from '../text.ts'
import { monitorCodes } from '../model/monitor-codes.ts'

const checkCodes = [
  ...monitorCodes,
  'apply_conflict',
  'backup_changed',
  'backup_missing',
  'backup_not_proven',
  'backup_too_old',
  'bad_credentials',
  'bad_manifest',
  'cannot_restore',
  'cannot_swap',
  'command_failed',
  'container_missing',
  'cronjob_differs',
  'cronjob_failed',
  'database_read_only',
  'deployment_changed',
  'deployment_missing',
  'deployment_paused',
  'e2e_failed',
  'effect_not_planned',
  'endpoint_missing',
  'events_refused',
  'fix_outdated',
  'image_build_failed',
  'image_not_built',
  'image_not_pushed',
  'image_of_another_commit',
  'image_platform',
  'indexes_invalid',
  'jobs_running',
  'kept_database_gone',
  'manifest_masked',
  'migration_drift',
  'migration_of_other_tool',
  'migration_twins',
  'migrations_not_applicable',
  'migrations_not_taken',
  'missing_permissions',
  'no_backup',
  'no_pods',
  'not_proven_before',
  'not_read_only',
  'probe_kept_out',
  'probe_refused',
  'release_unknown',
  'restore_unhealthy',
  'restored_not_well',
  'rights_missing',
  'rollback_unhealthy',
  'rolled_back_not_well',
  'rollout_timeout',
  'schema_incomplete',
  'schema_too_new',
  'secret_immutable',
  'secret_missing',
  'settings_changed',
  'several_checks_failed',
  'stripe_endpoint_limit',
  'stripe_permission_missing',
  'tables_missing',
  'transaction_pooler',
  'unknown_event_pattern',
  'unknown_stripe_version',
  'stripe_account_unpinned',
  'unknown_outcome',
  'unsigned_accepted',
  'wrong_image',
  'wrong_stripe_account',
  'wrong_stripe_mode',
] as const
export type CheckCode = (typeof checkCodes)[number]

/** A check of the runbook says no: the phase fails, people decide. */
export class CheckFailed extends PurserError {
  readonly code: CheckCode

  constructor(code: CheckCode, message: string, facts?: ErrorFacts) {
    super(message, facts)
    this.code = code
  }
}

/**
 * What was approved is no longer what would happen: the run is planned and approved again. Each difference is a line of the
 * evidence; the message has the first.
 */
export class PlanOutdated extends PurserError {
  readonly code = 'plan_outdated'

  constructor(differences: readonly PlanDifference[]) {
    const [first = 'it cannot be compared', ...others] = differences.map(differenceWords)
    const more = others.length === 0 ? '' : ` (and ${counted(others.length, 'other difference')})`
    super(`the approved plan is out of date: ${first}${more}`, {
      hint: 'Planning again. It needs a new approval.',
      evidence: others.length === 0 ? [] : [first, ...others],
    })
  }
}
