import type { RollbackTarget } from './rollback-target.ts'
import type {
  CronJobBefore,
  DatabaseBefore,
  Effect,
  EndpointBefore,
  ImageBefore,
  PushBefore,
  ReplicasBefore,
  ScheduleBefore,
  SecretBefore,
} from './effects.ts'

export interface UndoStep {
  /** The oldest record of this target: it tells what stood there before the run. */
  readonly effect: number
  /** All records that are settled with it. */
  readonly covers: readonly number[]
  readonly kind: Effect['kind']
  readonly target: string
  /** One line, for the dialog and the board. */
  readonly line: string
}

/** Exactly what a rollback will undo, newest first, and what it will not. */
export interface UndoPlan {
  readonly kind: 'undo'
  readonly run: number
  readonly steps: readonly UndoStep[]
  /** Said plainly to whoever confirms: what stays as it is. */
  readonly stays: readonly string[]
  /** What will run, as far as it was seen; missing when the deployment is not put back. */
  readonly rollbackTarget?: RollbackTarget
}

/**
 * Pure: from the recorded effects to the list in the dialog. `strict` forces the runbook's literal steps (disable the
 * endpoint and delete the CronJobs even when they stood there before).
 */
export function planUndo(run: number, effects: readonly Effect[], options: { strict: boolean }): UndoPlan {
  const open = effects.filter((effect) => effect.status !== 'undone' && !runsAgain(effect)).sort((a, b) => b.id - a.id)
  const steps: UndoStep[] = []
  for (const newest of open) {
    const same = open.filter((one) => one.kind === newest.kind && one.target === newest.target)
    const oldest = same.at(-1) ?? newest
    if (staysInAnyCase(newest) || newest !== same[0]) continue
    if (staysAsItIs(oldest) && !options.strict) continue
    steps.push({
      effect: oldest.id,
      covers: same.map((one) => one.id),
      kind: oldest.kind,
      target: oldest.target,
      line: lineFor(oldest, options.strict),
    })
  }
  const migrations = open.filter((effect) => effect.kind === 'migration').map((effect) => effect.target)
  const images = open.filter((effect) => effect.kind === 'image-push').map(staysInTheRegistry)
  const databases = open.filter((effect) => effect.kind === 'database')
  const resent = open.some((effect) => effect.kind === 'events')
    ? ['Events of Stripe that were sent to the service again stay with it.']
    : []
  const unusable = open.some(staysAsItIs) && !options.strict
  const lost = unusable ? ['The signing secret stays: the one before belonged to no endpoint.'] : []
  return {
    kind: 'undo',
    run,
    steps: secretBeforePods(steps, effects),
    stays: [...staysFor(migrations), ...images, ...resent, ...lost, ...databases.map(staysAfterSwap)],
  }
}

/** What stood there before was of no use any more: an endpoint whose secret nobody held, a secret of no endpoint. */
function staysAsItIs({ kind, before }: Effect): boolean {
  if (kind !== 'stripe-endpoint' && kind !== 'secret-key') return false
  return (before as { readonly unusable?: true }).unusable === true
}

/**
 * Pods read the Secret when they start: a former value has to stand there before the former pods come back. And an
 * endpoint that only the new pods believe is disabled after that.
 */
function secretBeforePods(steps: readonly UndoStep[], effects: readonly Effect[]): readonly UndoStep[] {
  const putsBack = (step: UndoStep) =>
    step.kind === 'secret-key' && (recordOf(step, effects) as SecretBefore | undefined)?.keyExists === true
  const bridges = (step: UndoStep) =>
    step.kind === 'stripe-endpoint' && (recordOf(step, effects) as EndpointBefore | undefined)?.bridges === true
  const first = steps.findIndex(({ kind }) => kind === 'image' || kind === 'restart')
  if (first < 0) return steps
  const late = steps.slice(first).filter((step) => !putsBack(step) && !bridges(step))
  // The service's own pods before those of others, as in the deploy.
  const restarts = late.filter(({ kind }) => kind === 'restart')
  return [
    ...steps.slice(0, first).filter((step) => !bridges(step)),
    ...steps.slice(first).filter(putsBack),
    ...late.filter((step) => !restarts.includes(step)),
    ...restarts,
    ...steps.filter(bridges),
  ]
}

function recordOf(step: UndoStep, effects: readonly Effect[]): unknown {
  return effects.find(({ id }) => id === step.effect)?.before
}

/** Pure: the same list, bound to what whoever confirms it has seen. */
export function withRollbackTarget(plan: UndoPlan, rollbackTarget: RollbackTarget): UndoPlan {
  if (rollbackTarget.kind === 'unseen' || rollbackTarget.to === null) return { ...plan, rollbackTarget }
  const { version, image, revision } = rollbackTarget.to
  const line = (target: string) => `Deployment ${target}: back to ${version ?? image} (revision ${revision})`
  const steps = plan.steps.map((step) => (step.kind === 'image' ? { ...step, line: line(step.target) } : step))
  return { ...plan, steps, rollbackTarget }
}

function staysFor(migrations: readonly string[]): readonly string[] {
  if (migrations.length === 0) return []
  const list = [...migrations].sort().join(', ')
  return [
    `The schema is not rolled back: ${list} stay${migrations.length === 1 ? 's' : ''} applied. ` +
      'Going back further means restoring the backup.',
  ]
}

/** Stopped for a restore and started again: nothing is left to put back. */
function runsAgain({ kind, after }: Effect): boolean {
  if (kind !== 'replicas' && kind !== 'schedule') return false
  return (after as { readonly back?: boolean } | undefined)?.back === true
}

function staysInAnyCase({ kind }: Effect): boolean {
  return kind === 'migration' || kind === 'image-push' || kind === 'events' || kind === 'job'
}

function staysInTheRegistry({ target, before }: Effect): string {
  const { digest } = before as unknown as PushBefore
  const former = digest === null ? '' : ` The tag named ${digest} before.`
  return `The image ${target} that was built stays in the registry.${former}`
}

function staysAfterSwap(effect: Effect): string {
  const { live, restored, inPlace } = effect.before as unknown as DatabaseBefore
  if (inPlace === true)
    return (
      `What was written to ${live} since the restore is dumped first and kept as a backup, but serves no longer. ` +
      'The application is stopped for the whole of it and comes back at its replicas.'
    )
  return (
    `What was written to ${live} since the restore is kept as database ${restored}, but serves no longer. ` +
    'The application is stopped for the swap and comes back at its replicas.'
  )
}

function lineFor(effect: Effect, strict: boolean): string {
  switch (effect.kind) {
    case 'image': {
      const before = effect.before as unknown as ImageBefore
      return `Deployment ${effect.target}: back to ${before.version ?? before.image}`
    }
    case 'stripe-endpoint': {
      const before = effect.before as unknown as EndpointBefore
      if (before.insteadOf !== undefined && !strict)
        return `Stripe endpoint ${effect.target}: the new one stays, with ${before.insteadOf.length} events`
      if (before.id === null || strict) return `Stripe endpoint ${effect.target}: disable`
      const events = `${before.enabledEvents.length} events`
      return `Stripe endpoint ${effect.target}: back to ${before.status} with ${events}`
    }
    case 'secret-key': {
      const before = effect.before as unknown as SecretBefore
      if (before.keyExists) return `Secret ${effect.target}: put the former value back`
      return before.secretExists ? `Secret ${effect.target}: remove the key` : `Secret ${effect.target}: delete`
    }
    case 'cronjob': {
      const before = effect.before as unknown as CronJobBefore
      if (before.manifest === null || strict) return `CronJob ${effect.target}: delete`
      return `CronJob ${effect.target}: back to the former manifest`
    }
    case 'database': {
      const { live, kept, inPlace } = effect.before as unknown as DatabaseBefore
      if (inPlace === true) return `Database ${live}: back to the dump of what it held before the restore, in place`
      return `Database ${live}: back to what served before the restore (${kept})`
    }
    case 'replicas':
      return `Deployment ${effect.target}: back to ${(effect.before as unknown as ReplicasBefore).replicas} replicas`
    case 'schedule': {
      const { suspended } = effect.before as unknown as ScheduleBefore
      return `CronJob ${effect.target}: ${suspended === false ? 'resume' : 'stays suspended'}`
    }
    case 'restart':
      return `Deployment ${effect.target}: restart, so that it reads the Secret again`
    case 'migration':
    case 'image-push':
    case 'events':
    case 'job':
      return `${effect.kind} ${effect.target}: stays`
  }
}
