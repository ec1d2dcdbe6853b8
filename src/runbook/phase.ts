import type { EnvironmentConfig } from '../config/environment-schema.ts'
import type { ServiceConfig } from '../config/service-schema.ts'
import type { BackupRecord, KeptBackup } from '../model/backup.ts'
import type { Diagnosis } from '../model/diagnosis.ts'
import type { AfterOf, BeforeOf, Effect, EffectKind, EffectOf, EffectRecord } from '../model/effects/effects.ts'
import type { EarlierDeploy } from '../model/environment-order.ts'
import type { Json } from '../model/json.ts'
import type { Breach, LogGroup, MetricSample, Run, RunWatch, Verification } from '../model/run.ts'
import type { DeployPlan } from '../model/deploy-plan.ts'
import type { KnownRelease, SchemaChange } from '../model/schema-compatibility.ts'
import type { ThreadPost } from '../model/post.ts'
import type { RefusedProbe } from '../model/refused-probe.ts'
import type { BaselineSample, LogCounts, LogPod } from '../model/watch.ts'
import type { World } from './world.ts'

/** What a phase says when it is done. */
export interface PhaseResult {
  /** One line that stays on the board: "3 migrations applied". */
  readonly line: string
  readonly plan?: Run['plan']
  readonly verification?: Verification
  readonly diagnosis?: Diagnosis
}

export interface Change<K extends EffectKind, A extends AfterOf<K> = AfterOf<K>> {
  readonly kind: K
  readonly target: string
  /** Looks at what is there now. It is asked once for each phase of a run, never again after a crash or a retry. */
  readonly before: (signal: AbortSignal) => Promise<BeforeOf<K>>
  /** Makes the change. It looks before it acts, as it may run again after a crash. */
  readonly act: (before: BeforeOf<K>, signal: AbortSignal) => Promise<A>
}

/** What is handed to whatever only looks: a phase, and `npm run doctor`, which has no run. */
export interface LookContext extends Pick<PhaseContext, 'service' | 'environment' | 'world' | 'signal'> {
  readonly run: Pick<Run, 'environment'>
}

/** What a phase is handed. Phases are plain functions of it; they know no queue, no Slack and no clock. */
export interface PhaseContext {
  readonly run: Run
  readonly service: ServiceConfig
  readonly environment: EnvironmentConfig
  readonly world: World
  /** Fires on cancel, time limit, shutdown, and when another worker has taken the phase. */
  readonly signal: AbortSignal
  /**
   * Runs `act` once and stores its result; when the phase is taken up again by another worker a finished step gives
   * back what was stored. A step that was under way runs again, so it must be safe to repeat.
   *
   * The name is the key under which the result is stored: it has to be stable from one version of Purser to the next,
   * and no two steps of one execution may share it (the second one is refused).
   */
  step<T extends Json | void>(name: string, act: (signal: AbortSignal) => Promise<T>): Promise<T>
  /**
   * Runs a step that changes the outside and records what was there first. The rollback is computed from these records.
   */
  change<K extends EffectKind, A extends AfterOf<K>>(name: string, change: Change<K, A>): Promise<A>
  /** Shows what happens now, in one line of the board. */
  report(line: string): Promise<void>
  /**
   * Shows how far long work has come: a new line says that it has come further. Beyond its time limit the phase is stopped when it stands
   * still, not while it comes further.
   */
  progress(line: string): Promise<void>
  /** Puts something into the thread. With a key it is posted once for the run, however often this line runs. */
  tell(post: ThreadPost, key?: string): Promise<void>
  readonly records: PhaseRecords
}

/** Phases read and write this of the state database, beside steps and effects. */
export interface PhaseRecords {
  backup(): Promise<BackupRecord | undefined>
  recordBackup(backup: BackupRecord): Promise<void>
  /** Reads the backups of this environment whose files are there, the newest first. */
  keptBackups(): Promise<readonly KeptBackup[]>
  backupsRemoved(files: readonly string[]): Promise<void>
  /** Reads the last verification of this environment, by whichever run. */
  formerVerification(): Promise<Verification | undefined>
  /** Notes that a test event is about to be posted that the service must refuse; called before each posting. */
  announceTestEvent(): Promise<void>
  /** Reads when test events were posted since then that the service had to refuse, by any run of this environment. */
  testEventsSince(since: Date): Promise<readonly Date[]>
  /** Reads which test events the service had to refuse since then, in any run of this environment, the newest first. */
  refusedProbes(since: Date): Promise<readonly RefusedProbe[]>
  /** Tells whether a run of this environment has seen since then that the service takes what it must refuse. */
  sawUnchecked(since: Date): Promise<boolean>
  /** Reads the releases that were seen to run in this environment, the one last seen first. */
  knownReleases(): Promise<readonly KnownRelease[]>
  recordRelease(release: KnownRelease): Promise<void>
  /** Returns the deploys that have succeeded in another environment, the newest first. */
  succeededIn(environment: string): Promise<readonly EarlierDeploy[]>
  /** Reads what the migrations that Purser applied here did to releases that lack them. */
  schemaChanges(): Promise<readonly SchemaChange[]>
  recordSchemaChange(change: SchemaChange): Promise<void>
  samples(since: Date): Promise<readonly MetricSample[]>
  recordSamples(samples: readonly MetricSample[], stage?: 'before' | 'watching'): Promise<void>
  readonly watch: WatchRecords
  /** Reads the effects of a run: of this one, or of the one that a rollback undoes. */
  effectsOf(run: number): Promise<readonly Effect[]>
  /** Reads the effects of this environment's runs from this one on, the oldest first. */
  effectsSince(run: number): Promise<readonly Effect[]>
  /** Reads what runs of this environment did to endpoints or put back since then, this run too, the oldest first. */
  endpointEffects(since: Date): Promise<readonly EffectOf<'stripe-endpoint'>[]>
  /** Reads the plan of another run of this environment; undefined when it has none, or is none. */
  planOf(run: number): Promise<Run['plan']>
  /** Reads what a step of this run came to when it was first finished, in whichever phase and attempt. */
  firstResultOf(step: string): Promise<Json | undefined>
  undone(effect: number): Promise<void>
  /**
   * Returns the number up to which runs of this environment can no longer be rolled back: a later deploy has succeeded,
   * and the time for taking that one back is over. It is 0 when there is none.
   */
  rollbackClosedUpTo(rollbackHours: number): Promise<number>
  /** Notes in the record of an applied effect how things stand after it. */
  settle<K extends EffectKind>(effect: EffectRecord<K>, after: AfterOf<K>): Promise<void>
}

/** What the phase that monitors writes and reads. */
interface WatchRecords {
  /** Asks the state database for its time. */
  time(): Promise<Date>
  /** Stores the beginning of a watch. It is safe to repeat: the first beginning of this attempt stays. */
  begin(began: Date, ends: Date): Promise<void>
  /**
   * Stores the first breach of a watch, together with the post that tells it and with the policy's decision to roll
   * back where it makes one. Of a later breach only that decision is stored and told, and only while nobody has decided.
   */
  breach(breach: Breach, post: ThreadPost, rollBackBecause: string | undefined): Promise<void>
  /** Reads the watch as it is now, with what people decided meanwhile. */
  state(): Promise<RunWatch | undefined>
  addLogs(counts: LogCounts): Promise<void>
  /** Stores the errors that the logs held before the rollout. */
  addLogsBefore(groups: LogCounts['groups']): Promise<void>
  logGroups(): Promise<readonly LogGroup[]>
  logPods(): Promise<readonly LogPod[]>
  /** Reads the samples from before the rollout, of this run and of those before it, the newest run first. */
  samplesBefore(): Promise<readonly BaselineSample[]>
}

export type Phase = (context: PhaseContext) => Promise<PhaseResult>

/** The plan of a deploy; every phase after planning has one. */
export function planOf(run: Run): DeployPlan {
  if (run.plan?.kind !== 'deploy') throw new Error(`run #${run.number} has no deploy plan`)
  return run.plan
}

/** Words what the history of a Deployment says of a change. */
export function causeOf({ run }: Pick<PhaseContext, 'run'>): string {
  return `Purser run #${run.number}: ${run.kind} ${run.version}`
}
