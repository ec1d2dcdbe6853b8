import type { Block, InputBlock, KnownBlock, ModalView, PlainTextOption } from '@slack/types'
import { viewIds } from '../board/actions.ts'
import { context, paragraph, plainText } from '../blocks/message.ts'
import { frozenLine } from '../answers/freeze.ts'
import { heldByLock } from '../answers/lock.ts'
import type { Freeze } from '../../model/freeze.ts'
import { ago } from '../../text.ts'

/** What a dialog asks for by the block id of the input; the element in it has the same name. */
export const inputs = {
  environment: 'environment',
  version: 'version',
  options: 'options',
  reason: 'reason',
  lockEnds: 'lock_ends',
  overrideFreeze: 'override_freeze',
  subject: 'subject',
  afterwards: 'afterwards',
} as const
export const dryRunOption = 'dry_run'
export const rotateOption = 'rotate_secret'
export const keepOption = 'keep_running'

interface Version {
  readonly name: string
  /** The time of its making, by ISO 8601. */
  readonly createdAt: string
}

/** Shows that versions are being read. It is opened at once, because Slack gives three seconds; the versions follow. */
export function readingVersionsView(): ModalView {
  return {
    type: 'modal',
    title: plainText('Deploy'),
    close: plainText('Close'),
    blocks: [paragraph(':hourglass_flowing_sand: Reading the version tags …')],
  }
}

interface DeployChoice {
  /** The environments in which this person may deploy from here; the first is the one meant without a choice. */
  readonly environments: readonly string[]
  /** The versions of the repository, the newest first. */
  readonly versions: readonly Version[]
  readonly dryRun: boolean
  /** The version that is chosen from the start, when the repository has it. */
  readonly version?: string | undefined
  readonly rotateSecret?: boolean | undefined
  /** The environments in which a freeze is on. */
  readonly frozen?: readonly { readonly environment: string; readonly freeze: Freeze }[]
  readonly now: Date
}

const mostOptions = 100

/** Asks which version, where, and whether for real. Nothing changes by choosing: a plan comes first. */
export function deployView(choice: DeployChoice, privateMetadata: string): ModalView {
  const { versions } = choice
  const head = { type: 'modal', title: plainText('Deploy'), callback_id: viewIds.deploy } as const
  if (versions.length === 0) {
    const none = paragraph('The repository has no version tags like `v1.2.0`.')
    return { ...head, close: plainText('Close'), blocks: [none] }
  }
  const blocks: (KnownBlock | Block)[] = [
    select(
      inputs.version,
      'Version',
      versions.slice(0, mostOptions).map((version) => versionOption(version, choice.now)),
      {
        placeholder: 'Choose a tag, newest first',
        ...initialVersion(choice),
      },
    ),
    ...(versions.length <= mostOptions
      ? []
      : [
          context(
            `The newest ${mostOptions} of ${versions.length} tags. For any other, type \`/billing deploy VERSION\`.`,
          ),
        ]),
    ...environmentSelect(choice.environments),
    ...freezeInput(choice.frozen ?? []),
    {
      type: 'input',
      block_id: inputs.options,
      optional: true,
      label: plainText('Options'),
      element: {
        type: 'checkboxes',
        action_id: inputs.options,
        options: [dryRun, rotateSecret],
        ...ticked(choice),
      },
    },
    context('Purser makes a plan first. Nothing changes before approval.'),
  ]
  return {
    ...head,
    private_metadata: privateMetadata,
    submit: plainText('Make plan'),
    close: plainText('Cancel'),
    blocks,
  }
}

const rotateSecret = {
  text: plainText('New signing secret'),
  description: plainText('Rotates it, even if the current one works'),
  value: rotateOption,
}

/**
 * Returns the boxes that are ticked from the start; nothing at all when there are none, as Slack wants no empty list.
 */
function ticked(choice: DeployChoice) {
  const all = [...(choice.dryRun ? [dryRun] : []), ...(choice.rotateSecret === true ? [rotateSecret] : [])]
  return all.length === 0 ? {} : { initial_options: all }
}

function initialVersion({ versions, version, now }: DeployChoice): { readonly initial?: PlainTextOption } {
  const found = versions.slice(0, mostOptions).find((one) => one.name === version)
  return found === undefined ? {} : { initial: versionOption(found, now) }
}

const dryRun = {
  text: plainText('Dry run'),
  description: plainText('Stops after the plan'),
  value: dryRunOption,
}

/** Asks which section of the runbook's troubleshooting, and where. */
export function diagnoseView(
  { environments, cronJobs }: { readonly environments: readonly string[]; readonly cronJobs: readonly string[] },
  privateMetadata: string,
): ModalView {
  const options = [
    { text: plainText('Webhook not receiving events', 75), value: 'webhook' },
    ...(cronJobs.length === 1 ? [] : [{ text: plainText('CronJobs not running', 75), value: 'cronjob' }]),
    ...cronJobs.slice(0, mostOptions - 3).map((name) => ({
      text: plainText(`CronJob ${name} not running`, 75),
      value: `cronjob ${name}`,
    })),
    { text: plainText('Grace period not enforcing', 75), value: 'grace-period' },
  ]
  return {
    type: 'modal',
    callback_id: viewIds.diagnose,
    private_metadata: privateMetadata,
    title: plainText('Diagnose'),
    submit: plainText('Diagnose'),
    close: plainText('Cancel'),
    blocks: [
      select(inputs.subject, "What isn't working?", options, { initial: options[0] }),
      ...environmentSelect(environments),
      context('Read-only. You choose whether to apply a fix.'),
    ],
  }
}

/** Asks for a reason to lock an environment until it is unlocked. */
export function lockView(environments: readonly string[], privateMetadata: string, ends = ''): ModalView {
  return {
    type: 'modal',
    callback_id: viewIds.lock,
    private_metadata: privateMetadata,
    title: plainText('Lock'),
    submit: plainText('Lock'),
    close: plainText('Cancel'),
    blocks: [
      ...environmentSelect(environments),
      {
        type: 'input',
        block_id: inputs.reason,
        label: plainText('Why?'),
        hint: plainText('Everyone who tries to deploy sees it.'),
        element: {
          type: 'plain_text_input',
          action_id: inputs.reason,
          min_length: 3,
          max_length: 300,
          placeholder: plainText('For example: month-end closing'),
          focus_on_load: true,
        },
      },
      {
        type: 'input',
        block_id: inputs.lockEnds,
        optional: true,
        label: plainText('How long?'),
        hint: plainText('“until 18:00”, “until 2026-12-24 18:00” or “for 2h”. Empty: until it is unlocked.'),
        element: {
          type: 'plain_text_input',
          action_id: inputs.lockEnds,
          max_length: 60,
          ...(ends === '' ? {} : { initial_value: ends.slice(0, 60) }),
        },
      },
      context(`${heldByLock} To unlock: \`/billing unlock\`.`),
    ],
  }
}

/** Asks why, where a freeze is on: without a reason only a dry run is taken there. */
function freezeInput(frozen: NonNullable<DeployChoice['frozen']>): readonly (KnownBlock | Block)[] {
  if (frozen.length === 0) return []
  return [
    ...frozen.map(({ environment, freeze }) => paragraph(frozenLine(environment, freeze))),
    {
      type: 'input',
      block_id: inputs.overrideFreeze,
      optional: true,
      label: plainText('Why override the freeze?'),
      hint: plainText('Overriding needs one more approval. A dry run needs no reason.'),
      element: { type: 'plain_text_input', action_id: inputs.overrideFreeze, min_length: 3, max_length: 300 },
    },
  ]
}

/** Asks for the environment, unless there is no choice: the one environment is in the metadata. */
function environmentSelect(environments: readonly string[]): readonly InputBlock[] {
  if (environments.length < 2) return []
  const options = environments.slice(0, mostOptions).map((name) => ({ text: plainText(name, 75), value: name }))
  return [select(inputs.environment, 'Environment', options, { initial: options[0] })]
}

function select(
  id: string,
  label: string,
  options: readonly PlainTextOption[],
  more: { readonly initial?: PlainTextOption | undefined; readonly placeholder?: string },
): InputBlock {
  return {
    type: 'input',
    block_id: id,
    label: plainText(label),
    element: {
      type: 'static_select',
      action_id: id,
      options: [...options],
      ...(more.initial === undefined ? {} : { initial_option: more.initial }),
      ...(more.placeholder === undefined ? {} : { placeholder: plainText(more.placeholder) }),
    },
  }
}

function versionOption(version: Version, now: Date): PlainTextOption {
  const at = new Date(version.createdAt)
  const dated = !Number.isNaN(at.getTime())
  return {
    text: plainText(version.name, 75),
    value: version.name,
    ...(dated ? { description: plainText(`${version.createdAt.slice(0, 10)}, ${ago(at, now)}`, 75) } : {}),
  }
}

/** Asks for the environment's name, typed: what follows takes back data, and nobody does that with one press. */
export function typedEnvironment(environment: string): KnownBlock {
  return {
    type: 'input',
    block_id: inputs.environment,
    label: plainText(`Type ${environment} to confirm`),
    element: { type: 'plain_text_input', action_id: inputs.environment, placeholder: plainText(environment) },
  }
}
