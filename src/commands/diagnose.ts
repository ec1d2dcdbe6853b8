import { diagnosisStale, noDiagnosis, noSubjectChosen, remedyNotProposed } from '../messages/answers/refused.ts'
import { diagnoseView, inputs } from '../messages/dialogs/ask-dialogs.ts'
import { aboutOf } from '../messages/thread/diagnosis.ts'
import { mistyped } from '../nearest.ts'
import {
  type DiagnosePlan,
  offeredRemedies,
  type RemedyKind,
  rotate,
  type Subject,
  subjects,
} from '../model/diagnosis.ts'
import { approvalsNeeded } from '../jobs/approvals-needed.ts'
import { approversOf } from '../jobs/approvers.ts'
import { boundPlan } from '../jobs/bound-plan.ts'
import { newRun } from '../model/new-run.ts'
import type { Run } from '../model/run.ts'
import { releasedIn, releasingKinds } from '../model/current-release.ts'
import { whyStale } from '../model/stale-diagnosis.ts'
import { openDeployDialog } from './deploy.ts'
import { type Answer, onBoard, publishAndEnqueue, tell } from './respond.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { CommandRefused, environmentOf, guard, guardLock } from './guards.ts'
import { beginLook } from './looks.ts'
import { placeOf, readPlace, type Submitted } from './dialogs/submitted.ts'
import { command } from './grammar/row.ts'
import { cronJob, environment, subject } from './grammar/words.ts'

export const diagnoseCommand = command('diagnose', {
  does: "find out why billing doesn't work (changes nothing)",
  more: "It runs a section of the runbook's troubleshooting and names the most likely cause. What Purser can fix gets a button ([more](troubleshooting.md)).",
  may: 'channel',
  answer: 'board',
  takes: { subject, cronJob, environment },
  examples: ['diagnose', 'diagnose webhook', 'diagnose cronjob webhook-retry staging'],
  act: (caller, { subject, cronJob, environment }, context) =>
    subject === undefined
      ? openDiagnoseDialog(caller, environment, context)
      : diagnose(caller, { subject, cronJob, environment }, context),
})

interface AskedDiagnosis {
  readonly subject: Subject
  readonly cronJob: string | undefined
  readonly environment: string | undefined
}

/**
 * Carries out `/billing diagnose SUBJECT [ENV]`: the runbook's troubleshooting, as a run of its own beside whatever
 * else runs.
 */
export async function diagnose(
  caller: Caller,
  { subject, cronJob, environment }: AskedDiagnosis,
  context: CommandContext,
): Promise<Answer> {
  const name = environment ?? context.config.defaultEnvironment
  await guard(context, caller, 'view', name)
  guardCronJob(cronJob, context)
  const plan: DiagnosePlan = { kind: 'diagnose', subject, ...(cronJob === undefined ? {} : { cronJob }) }
  return begin(caller, name, plan, context)
}

async function begin(
  caller: Caller,
  environment: string,
  plan: DiagnosePlan,
  context: CommandContext,
): Promise<Answer> {
  const { name: service } = context.config.service
  const { user: requestedBy, channel } = caller
  return beginLook(caller, newRun('diagnose', { service, environment, plan, requestedBy, channel }), context)
}

function guardCronJob(name: string | undefined, { config }: CommandContext): void {
  const names = config.service.cronJobs.map((job) => job.name)
  if (name === undefined || names.includes(name)) return
  const near = mistyped(name, names)
  throw new CommandRefused('unknown_cronjob', `there's no CronJob ${name} in purser.yaml`, {
    hint:
      near === undefined
        ? `Available: ${names.join(', ') || 'none'}.`
        : `Did you mean ${near}? \`/billing diagnose cronjob ${near}\``,
  })
}

/** Answers `/billing diagnose` without a subject by a dialog to choose one. */
export async function openDiagnoseDialog(
  caller: Caller,
  environment: string | undefined,
  context: CommandContext,
): Promise<Answer> {
  const { environments, metadata } = await placeOf(caller, 'view', environment, context)
  const cronJobs = context.config.service.cronJobs.map((job) => job.name)
  return { kind: 'open', view: diagnoseView({ environments, cronJobs }, metadata) }
}

/** Carries out the confirmed dialog as if the command had been typed. */
export async function confirmDiagnose(dialog: Submitted, context: CommandContext): Promise<Answer> {
  const { channel, environment } = readPlace(dialog.metadata)
  const [word, cronJob] = (dialog.value(inputs.subject) ?? '').split(' ')
  const subject = subjects.find((subject) => subject === word)
  if (subject === undefined) return tell(noSubjectChosen())
  const chosen = dialog.value(inputs.environment) ?? environment
  return diagnose({ user: dialog.user, channel }, { subject, cronJob, environment: chosen }, context)
}

/** Carries out the Diagnose again button by a new run; the old board stays as it was found. */
export async function diagnoseAgain(caller: Caller, ticket: { run: number }, context: CommandContext): Promise<Answer> {
  const run = await context.runs.get(ticket.run)
  await guard(context, caller, 'view', run.environment)
  const plan = aboutOf(run)
  if (plan === undefined) return tell(noDiagnosis(run.number))
  guardCronJob(plan.cronJob, context)
  return begin(caller, run.environment, plan, context)
}

/** Carries out the Diagnose button of a run after which the service is not well, by the dialog that asks of what. */
export async function diagnoseAfter(caller: Caller, ticket: { run: number }, context: CommandContext): Promise<Answer> {
  const { environment } = await context.runs.get(ticket.run)
  return openDiagnoseDialog(caller, environment, context)
}

/** Carries out a button of a diagnosis: a run of its own begins, which does this one thing and then looks again. */
export async function fix(
  caller: Caller,
  ticket: { run: number },
  kind: RemedyKind,
  context: CommandContext,
): Promise<Answer> {
  const run = await context.runs.get(ticket.run)
  const remedy =
    run.diagnosis === undefined ? undefined : offeredRemedies(run.diagnosis).find((remedy) => remedy.kind === kind)
  if (remedy?.kind === 'deploy') return deployAgain(caller, run, remedy.target === rotate, context)
  await guard(context, caller, 'approve', run.environment)
  await guardLock(context, run.environment)
  const plan = aboutOf(run)
  if (plan === undefined || remedy === undefined) return tell(remedyNotProposed(run.number))
  const { service, environment, channel } = run
  const stale = whyStale(run, await context.runs.list({ environment, limit: 50 }), context.now())
  if (stale !== undefined) return tell(diagnosisStale(environment, stale))
  const { policy } = environmentOf(context, environment)
  const needed = approvalsNeeded({ kind: 'fix' }, policy)
  const approvers = approversOf({ requestedBy: caller.user }, policy)
  const posts = needed === 0 ? [] : [{ kind: 'approval_request' as const, approvers }]
  const applied = await context.runs.create(
    newRun('fix', {
      service,
      environment,
      channel,
      requestedBy: caller.user,
      parent: run.number,
      plan: boundPlan({ kind: 'fix', remedy, diagnose: plan }, environment, context.config),
      approvalsNeeded: needed,
      ...(needed === 0 ? {} : { expiresInMinutes: policy.approvalExpiryMinutes }),
    }),
    { posts, request: context.request },
  )
  await publishAndEnqueue(context, applied)
  await context.jobs.publish(run.number)
  return onBoard(applied.run)
}

/** Opens the dialog of a deploy and does no more, as the deploy has a plan and approvals of its own. */
async function deployAgain(caller: Caller, run: Run, rotateSecret: boolean, context: CommandContext): Promise<Answer> {
  const deploys = await context.runs.list({ environment: run.environment, kinds: releasingKinds, limit: 20 })
  const { version } = releasedIn(deploys)
  const chosen = version === undefined ? {} : { version }
  return openDeployDialog(caller, { environment: run.environment, dryRun: false, rotateSecret, ...chosen }, context)
}
