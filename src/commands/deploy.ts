import type { PurserConfig } from '../config/purser-yaml.ts'
import { newRun, type PhaseMinutes } from '../model/new-run.ts'
import { deployPhases } from '../model/phases.ts'
import { noVersionChosen } from '../messages/answers/refused.ts'
import { deployView, dryRunOption, inputs, readingVersionsView, rotateOption } from '../messages/dialogs/ask-dialogs.ts'
import { type Answer, publishAndEnqueue, silent, tell } from './respond.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { environmentOf, guard, guardLock } from './guards.ts'
import type { Command } from './grammar.ts'
import { isVersion } from './grammar/words.ts'
import { placeOf, readPlace, type Submitted } from './dialogs/submitted.ts'

/** `/billing deploy` and `/billing plan` with a version: a run that begins by planning. */
export async function deploy(
  caller: Caller,
  command: Extract<Command, { name: 'deploy' | 'plan' }>,
  context: CommandContext,
): Promise<Answer> {
  const name = command.environment ?? context.config.defaultEnvironment
  await guard(context, caller, 'deploy', name)
  if (!command.dryRun) await guardLock(context, name)
  const { policy } = environmentOf(context, name)
  const run = newRun('deploy', {
    service: context.config.service.name,
    environment: name,
    version: command.version,
    dryRun: command.dryRun,
    rotateSecret: command.rotateSecret === true,
    requestedBy: caller.user,
    channel: caller.channel,
    approvalsNeeded: policy.approvals,
    minutes: deployMinutes(context.config),
    expiresInMinutes: policy.approvalExpiryMinutes,
  })
  const applied = await context.runs.create(run)
  await publishAndEnqueue(context, applied)
  return silent
}

/** `/billing deploy` without a version: a dialog to choose one of the repository's tags. */
export async function openDeployDialog(
  caller: Caller,
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
  context: CommandContext,
): Promise<Answer> {
  const { environments, metadata } = await placeOf(caller, 'deploy', environment, context)
  return {
    kind: 'open',
    view: readingVersionsView(),
    fill: async () => {
      const versions = (await context.versions()).filter((version) => isVersion(version.name))
      return deployView({ environments, versions, dryRun, version, rotateSecret, now: context.now() }, metadata)
    },
  }
}

/** The dialog was confirmed: the same command, as if it had been typed. */
export async function confirmDeploy(dialog: Submitted, context: CommandContext): Promise<Answer> {
  const { channel, environment } = readPlace(dialog.metadata)
  const version = dialog.value(inputs.version)
  if (version === undefined || !isVersion(version)) return tell(noVersionChosen())
  const ticked = dialog.ticked(inputs.options)
  const dryRun = ticked.includes(dryRunOption)
  const rotateSecret = ticked.includes(rotateOption) || undefined
  const chosen = dialog.value(inputs.environment) ?? environment
  return deploy(
    { user: dialog.user, channel },
    { name: 'deploy', version, environment: chosen, dryRun, rotateSecret },
    context,
  )
}

/** How long purser.yaml expects each phase to take. The watch takes as long as it says, not as long as its chapter. */
function deployMinutes({ service }: PurserConfig): PhaseMinutes {
  const minutes = Object.fromEntries(deployPhases.map(({ name }) => [name, service.phases[name].minutes]))
  return { ...minutes, monitor: service.monitor.minutes }
}
