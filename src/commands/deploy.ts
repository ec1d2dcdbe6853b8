import type { PurserConfig } from '../config/purser-yaml.ts'
import { deployPhases } from '../model/run.ts'
import { deployView, dryRunOption, inputs, readingVersionsView, rotateOption } from '../messages/dialogs/ask-dialogs.ts'
import {
  type Answer,
  type Ask,
  type Desk,
  environmentOf,
  environmentsHere,
  follow,
  guard,
  guardLock,
  refuse,
  silent,
} from './command-context.ts'
import { type Command, isVersion } from './grammar.ts'
import { readPlace, type Submitted } from './submitted.ts'

/** `/billing deploy VERSION [ENV] [--dry-run]` and `/billing plan VERSION [ENV]`: a run that begins by planning. */
export async function deploy(
  ask: Ask,
  command: Extract<Command, { name: 'deploy' | 'plan' }>,
  desk: Desk,
): Promise<Answer> {
  const name = command.environment ?? desk.config.defaultEnvironment
  await guard(desk, ask, 'deploy', name)
  if (!command.dryRun) await guardLock(desk, name)
  const { policy } = environmentOf(desk, name)
  const applied = await desk.runs.create({
    kind: 'deploy',
    service: desk.config.service.name,
    environment: name,
    version: command.version,
    dryRun: command.dryRun,
    rotateSecret: command.rotateSecret === true,
    parent: undefined,
    requestedBy: ask.user,
    channel: ask.channel,
    reason: undefined,
    plan: undefined,
    approvalsNeeded: policy.approvals,
    phases: deployBudgets(desk.config),
    expiresInMinutes: policy.approvalExpiryMinutes,
  })
  await follow(desk, applied)
  return silent
}

/** `/billing deploy` without a version: a dialog to choose one of the repository's tags. */
export async function askDeploy(
  ask: Ask,
  {
    environment,
    dryRun,
    version,
    rotateSecret,
  }: {
    readonly environment: string | undefined
    readonly dryRun: boolean
    readonly version?: string
    readonly rotateSecret?: boolean
  },
  desk: Desk,
): Promise<Answer> {
  const name = environment ?? desk.config.defaultEnvironment
  await guard(desk, ask, 'deploy', name)
  const others = environmentsHere(desk, ask).filter((one) => one !== name)
  const metadata = JSON.stringify({ channel: ask.channel, environment: name })
  return {
    kind: 'open',
    view: readingVersionsView(),
    fill: async () => {
      const versions = (await desk.versions()).filter((version) => isVersion(version.name))
      return deployView(
        { environments: [name, ...others], versions, dryRun, version, rotateSecret, now: desk.now() },
        metadata,
      )
    },
  }
}

/** The dialog was confirmed: the same command, as if it had been typed. */
export async function confirmDeploy(dialog: Submitted, desk: Desk): Promise<Answer> {
  const { channel, environment } = readPlace(dialog.metadata)
  const version = dialog.value(inputs.version)
  if (version === undefined || !isVersion(version)) return refuse('No version was chosen.', 'Choose one of the tags.')
  const ticked = dialog.ticked(inputs.options)
  const [dryRun, rotateSecret] = [ticked.includes(dryRunOption), ticked.includes(rotateOption)]
  const chosen = dialog.value(inputs.environment) ?? environment
  return deploy(
    { user: dialog.user, channel },
    { name: 'deploy', version, environment: chosen, dryRun, rotateSecret },
    desk,
  )
}

const planMinutes = 2

function deployBudgets({ service }: PurserConfig) {
  const chapters = deployPhases.map((name) => ({ name, budgetMinutes: budgetOf(service, name) }))
  return [{ name: 'plan' as const, budgetMinutes: planMinutes }, ...chapters]
}

function budgetOf(service: PurserConfig['service'], phase: (typeof deployPhases)[number]): number {
  return phase === 'monitor' ? service.monitor.minutes : service.phases[phase].minutes
}
