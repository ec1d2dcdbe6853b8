import { PurserError } from '../errors.ts'
import { diagnoseView, inputs } from '../messages/dialogs/ask-dialogs.ts'
import { aboutOf } from '../messages/thread/diagnosis.ts'
import { mistyped } from '../nearest.ts'
import { type DiagnosePlan, offeredRemedies, type RemedyKind, rotate, subjects } from '../model/diagnosis.ts'
import { isReadOnly, type Run } from '../model/run.ts'
import { releasedIn } from '../model/current-release.ts'
import { askDeploy } from './deploy.ts'
import {
  type Answer,
  type Ask,
  type Desk,
  environmentsHere,
  follow,
  guard,
  guardLock,
  refuse,
  silent,
} from './command-context.ts'
import type { Command } from './grammar.ts'
import { readPlace, type Submitted } from './submitted.ts'

type Asked = Extract<Command, { name: 'diagnose' }>

/** `/billing diagnose SUBJECT [ENV]`: the runbook's troubleshooting, as a run of its own beside whatever else runs. */
export async function diagnose(ask: Ask, { subject, cronJob, environment }: Asked, desk: Desk): Promise<Answer> {
  const name = environment ?? desk.config.defaultEnvironment
  await guard(desk, ask, 'look', name)
  guardCronJob(cronJob, desk)
  const plan: DiagnosePlan = { kind: 'diagnose', subject, ...(cronJob === undefined ? {} : { cronJob }) }
  return begin(ask, name, plan, desk)
}

async function begin(ask: Ask, environment: string, plan: DiagnosePlan, desk: Desk): Promise<Answer> {
  const applied = await desk.runs.create({
    kind: 'diagnose',
    service: desk.config.service.name,
    environment,
    version: '',
    dryRun: false,
    parent: undefined,
    requestedBy: ask.user,
    channel: ask.channel,
    reason: undefined,
    plan,
    approvalsNeeded: 0,
    phases: [{ name: 'diagnose', budgetMinutes: 1 }],
    expiresInMinutes: 5,
  })
  await follow(desk, applied)
  return silent
}

function guardCronJob(name: string | undefined, { config }: Desk): void {
  const names = config.service.cronJobs.map((job) => job.name)
  if (name === undefined || names.includes(name)) return
  const near = mistyped(name, names)
  throw new PurserError('unknown_cronjob', `there is no CronJob ${name} in purser.yaml`, {
    hint:
      near === undefined
        ? `There are: ${names.join(', ') || 'none'}.`
        : `Did you mean ${near}? /billing diagnose cronjob ${near}`,
  })
}

/** `/billing diagnose` without a subject: a dialog to choose one. */
export async function askDiagnose(ask: Ask, environment: string | undefined, desk: Desk): Promise<Answer> {
  const name = environment ?? desk.config.defaultEnvironment
  await guard(desk, ask, 'look', name)
  const others = environmentsHere(desk, ask).filter((one) => one !== name)
  const cronJobs = desk.config.service.cronJobs.map((job) => job.name)
  const metadata = JSON.stringify({ channel: ask.channel, environment: name })
  return { kind: 'open', view: diagnoseView({ environments: [name, ...others], cronJobs }, metadata) }
}

/** The dialog was confirmed: the same command, as if it had been typed. */
export async function confirmDiagnose(dialog: Submitted, desk: Desk): Promise<Answer> {
  const { channel, environment } = readPlace(dialog.metadata)
  const [word, cronJob] = (dialog.value(inputs.subject) ?? '').split(' ')
  const subject = subjects.find((subject) => subject === word)
  if (subject === undefined) return refuse('Nothing was chosen.', 'Choose what to diagnose.')
  const chosen = dialog.value(inputs.environment) ?? environment
  return diagnose({ user: dialog.user, channel }, { name: 'diagnose', subject, cronJob, environment: chosen }, desk)
}

/** The Diagnose again button: a new run, the old board stays as it was found. */
export async function diagnoseAgain(ask: Ask, ticket: { run: number }, desk: Desk): Promise<Answer> {
  const run = await desk.runs.get(ticket.run)
  await guard(desk, ask, 'look', run.environment)
  const plan = aboutOf(run)
  if (plan === undefined) return refuse(`Run #${run.number} is no diagnosis.`, '/billing diagnose')
  guardCronJob(plan.cronJob, desk)
  return begin(ask, run.environment, plan, desk)
}

/** What was seen longer ago is no ground to act on. */
const freshMinutes = 30

/** A button of a diagnosis: a run of its own begins, which does this one thing and then looks again. */
export async function fix(ask: Ask, ticket: { run: number }, kind: RemedyKind, desk: Desk): Promise<Answer> {
  const run = await desk.runs.get(ticket.run)
  const remedy =
    run.diagnosis === undefined ? undefined : offeredRemedies(run.diagnosis).find((remedy) => remedy.kind === kind)
  if (remedy?.kind === 'deploy') return deployAgain(ask, run, remedy.target === rotate, desk)
  await guard(desk, ask, 'approve', run.environment)
  await guardLock(desk, run.environment)
  const plan = aboutOf(run)
  if (plan === undefined || remedy === undefined)
    return refuse(`Run #${run.number} does not propose that.`, '/billing diagnose looks again.')
  const stale = await whyStale(run, desk)
  if (stale !== undefined)
    return refuse(`${stale} Nothing was changed.`, 'Press Diagnose again, and act on what it says.')
  const applied = await desk.runs.create({
    kind: 'fix',
    service: run.service,
    environment: run.environment,
    version: '',
    dryRun: false,
    parent: run.number,
    requestedBy: ask.user,
    channel: run.channel,
    reason: undefined,
    plan: { kind: 'fix', remedy, diagnose: plan },
    approvalsNeeded: 0,
    phases: [
      { name: 'fix', budgetMinutes: 5 },
      { name: 'diagnose', budgetMinutes: 1 },
    ],
    expiresInMinutes: 5,
  })
  await follow(desk, applied)
  await desk.jobs.publish(run.number)
  return silent
}

/** Only opens the dialog: the deploy has a plan and approvals of its own. */
async function deployAgain(ask: Ask, run: Run, rotateSecret: boolean, desk: Desk): Promise<Answer> {
  const deploys = await desk.runs.list({ environment: run.environment, kinds: ['deploy'], limit: 20 })
  const { version } = releasedIn(deploys)
  const chosen = version === undefined ? {} : { version }
  return askDeploy(ask, { environment: run.environment, dryRun: false, rotateSecret, ...chosen }, desk)
}

/** Somebody acted since, or too much time went by. */
async function whyStale(run: Run, desk: Desk): Promise<string | undefined> {
  if (run.fixedBy !== undefined) return `Run #${run.fixedBy} acts on this diagnosis already.`
  const minutes = (desk.now().getTime() - (run.finishedAt ?? run.createdAt).getTime()) / 60_000
  if (minutes > freshMinutes) return `This diagnosis is ${Math.round(minutes)} minutes old.`
  const runs = await desk.runs.list({ environment: run.environment, limit: 50 })
  const since = runs.find(
    (one) => one.number > run.number && !isReadOnly(one) && one.startedAt !== undefined && one.hasEffects,
  )
  return since === undefined ? undefined : `Run #${since.number} has changed ${run.environment} since.`
}
