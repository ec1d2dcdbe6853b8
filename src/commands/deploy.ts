import type { PurserConfig } from '../config/purser-yaml.ts'
import type { PolicyConfig } from '../config/environment-schema.ts'
import { approvalsNeeded } from '../jobs/approvals-needed.ts'
import { approversOf } from '../jobs/approvers.ts'
import { newRun, type PhaseMinutes } from '../model/new-run.ts'
import { deployPhases } from '../model/phases.ts'
import { noReasonGiven, noVersionChosen } from '../messages/answers/refused.ts'
import { deployView, dryRunOption, inputs, readingVersionsView, rotateOption } from '../messages/dialogs/ask-dialogs.ts'
import { type Answer, onBoard, publishAndEnqueue, wrongField } from './respond.ts'
import type { Caller, CommandContext } from './command-context.ts'
import { CommandRefused, environmentOf, freezeOf, guard, guardFreeze, guardLock } from './guards.ts'
import { command } from './grammar/row.ts'
import { dialogLimitMs, guardVersion } from './version-guard.ts'
import { dryRun, environment, isReason, isVersion, overrideFreeze, rotateSecret, version } from './grammar/words.ts'
import { placeOf, readPlace, type Submitted } from './dialogs/submitted.ts'

export const deployCommand = command('deploy', {
  does: 'plan a deploy, ask for approval, then run the runbook',
  more: 'Without VERSION, a dialog offers the newest tags of the repository. When the repository has no such VERSION, only you are told, with the closest tags. `--rotate-secret` needs a VERSION, such as the current one ([how the secret is replaced](stripe.md)).',
  may: 'deployers',
  approvals: 'approvals',
  answer: 'board',
  takes: { version, environment, dryRun, rotateSecret, overrideFreeze },
  examples: ['deploy', 'deploy v1.2.0', 'deploy v1.2.0 staging --dry-run', 'deploy v1.2.0 --rotate-secret'],
  refuses: (asked) =>
    asked.rotateSecret && asked.version === undefined
      ? '--rotate-secret needs a version, such as the current one.'
      : asked.overrideFreeze !== undefined && asked.version === undefined
        ? '--override-freeze needs a version before it.'
        : undefined,
  act: deployOrAsk,
})

export const planCommand = command('plan', {
  does: 'show what a deploy would do (changes nothing)',
  more: 'The same as `deploy --dry-run`.',
  may: 'deployers',
  answer: 'board',
  takes: { version, environment },
  examples: ['plan v1.2.0', 'plan staging'],
  act: (caller, asked, context) =>
    deployOrAsk(caller, { ...asked, dryRun: true, rotateSecret: false, overrideFreeze: undefined }, context),
})

interface AskedDeploy {
  readonly version: string
  readonly environment?: string | undefined
  readonly dryRun: boolean
  readonly rotateSecret: boolean
  /** Why it is deployed in spite of a freeze. */
  readonly overrideFreeze?: string | undefined
}

function deployOrAsk(
  caller: Caller,
  { version, ...asked }: Omit<AskedDeploy, 'version'> & { readonly version?: string | undefined },
  context: CommandContext,
): Promise<Answer> {
  if (version === undefined) return openDeployDialog(caller, asked, context)
  return deploy(caller, { ...asked, version }, context)
}

/** Carries out `/billing deploy` and `/billing plan` with a version: a run begins by planning. */
export async function deploy(
  caller: Caller,
  asked: AskedDeploy,
  context: CommandContext,
  lookUpMs?: number,
): Promise<Answer> {
  const name = asked.environment ?? context.config.defaultEnvironment
  await guard(context, caller, 'deploy', name)
  if (!asked.dryRun) await guardLock(context, name)
  const { policy } = environmentOf(context, name)
  const freezeOverride = asked.dryRun ? undefined : overridden(context, name, asked.overrideFreeze)
  const needed = approvalsNeeded(
    { kind: 'deploy', ...(freezeOverride === undefined ? {} : { freezeOverride }) },
    policy,
  )
  if (freezeOverride !== undefined) guardEnoughApprovers(caller, needed, policy)
  context.deployRate.take(caller.user, context.now())
  await guardVersion({ ...asked, environment: name }, context, lookUpMs)
  const run = newRun('deploy', {
    service: context.config.service.name,
    environment: name,
    version: asked.version,
    dryRun: asked.dryRun,
    rotateSecret: asked.rotateSecret,
    requestedBy: caller.user,
    channel: caller.channel,
    reason: asked.overrideFreeze,
    freezeOverride,
    approvalsNeeded: needed,
    minutes: deployMinutes(context.config),
    expiresInMinutes: policy.approvalExpiryMinutes,
  })
  const applied = await context.runs.create(run, { request: context.request })
  await publishAndEnqueue(context, applied)
  return onBoard(applied.run)
}

/** Raises CommandRefused when one approval more than usual could never come together. How large a group is, is unknown here. */
function guardEnoughApprovers({ user }: Caller, needed: number, policy: PolicyConfig): void {
  const people = new Set(approversOf({ requestedBy: user }, policy))
  if (needed <= people.size || [...people].some((id) => id.startsWith('S'))) return
  throw new CommandRefused('too_few_approvers', `it needs ${needed} approvals, and only ${people.size} can approve`, {
    hint: 'Add an approver to policy.approvers, or wait until the freeze ends.',
  })
}

/** The name of the freeze that a reason was given for. Raises Frozen without a reason, and CommandRefused when nothing is frozen. */
function overridden(context: CommandContext, name: string, reason: string | undefined): string | undefined {
  const freeze = freezeOf(context, name)
  if (reason === undefined) {
    guardFreeze(context, name, 'deploy')
    return undefined
  }
  if (freeze === undefined)
    throw new CommandRefused('not_frozen', `${name} isn't frozen now`, { hint: 'Deploy without --override-freeze.' })
  return freeze.name
}

/** Answers `/billing deploy` without a version by a dialog to choose one of the repository's tags. */
export async function openDeployDialog(
  caller: Caller,
  {
    environment,
    dryRun,
    version,
    rotateSecret,
  }: {
    readonly environment?: string | undefined
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
      const frozen = environments.flatMap((one) => {
        const freeze = freezeOf(context, one)
        return freeze === undefined ? [] : [{ environment: one, freeze }]
      })
      return deployView({ environments, versions, dryRun, version, rotateSecret, frozen, now: context.now() }, metadata)
    },
  }
}

/** Carries out the confirmed dialog as if the command had been typed. */
export async function confirmDeploy(dialog: Submitted, context: CommandContext): Promise<Answer> {
  const { channel, environment } = readPlace(dialog.metadata)
  const version = dialog.value(inputs.version)
  if (version === undefined || !isVersion(version)) return wrongField(inputs.version, noVersionChosen)
  const ticked = dialog.ticked(inputs.options)
  const dryRun = ticked.includes(dryRunOption)
  const rotateSecret = ticked.includes(rotateOption)
  const chosen = dialog.value(inputs.environment) ?? environment
  const why = dialog.value(inputs.overrideFreeze)?.trim()
  const overrideFreeze = why === undefined || why === '' ? undefined : why
  if (overrideFreeze !== undefined && !isReason(overrideFreeze)) return wrongField(inputs.overrideFreeze, noReasonGiven)
  const asked = { version, environment: chosen, dryRun, rotateSecret, overrideFreeze }
  return deploy({ user: dialog.user, channel }, asked, context, dialogLimitMs)
}

/**
 * Returns how long purser.yaml expects each phase to take. The watch takes as long as it says, not as long as its
 * chapter.
 */
function deployMinutes({ service }: PurserConfig): PhaseMinutes {
  const minutes = Object.fromEntries(deployPhases.map(({ name }) => [name, service.phases[name].minutes]))
  return { ...minutes, monitor: service.monitor.minutes }
}
