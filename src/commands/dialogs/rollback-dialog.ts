import type { ModalView } from '@slack/types'
import { rollbackRefusedView, rollbackView } from '../../messages/dialogs/dialogs.ts'
import { noAnswerWithin } from '../../messages/refusals.ts'
import { type RollbackTarget, rollbackTargetOf, targetOf } from '../../model/rollback-target.ts'
import type { EffectOf } from '../../model/effects/effects.ts'
import type { Run } from '../../model/run.ts'
import { putsDatabaseBack, type UndoPlan, withRollbackTarget } from '../../model/undo-plan.ts'
import { clipped } from '../../outside-text/excerpt.ts'
import type { CommandContext } from '../command-context.ts'
import { paragraph, words } from '../../messages/blocks/message.ts'
import { judgeSchema } from '../schema-guard.ts'

/** The time for the cluster's answer, in milliseconds, while a person waits for the dialog. */
const lookLimitMs = 5_000
/** The time for the cluster's answer to a confirmation, to which Slack waits three seconds for an answer. */
const clusterLimitMs = 1_500

interface Asked {
  readonly run: Run
  readonly undo: UndoPlan
  readonly image: EffectOf<'image'>
  /** The number that was typed after `--to-revision`. */
  readonly revision: number | undefined
  readonly breakGlass: boolean
  /** Makes the metadata that carry what is shown from the dialog's opening to its confirmation. */
  readonly metadata: (rollbackTarget: RollbackTarget) => string
}

/** Makes the dialog with what will run in it; without a way to confirm when the rollback would stop. */
export async function viewWithRevisions(asked: Asked, context: CommandContext): Promise<ModalView> {
  const { run, undo, image, revision, metadata } = asked
  const now = context.now()
  const [seen, releases] = await Promise.all([
    context.deployment(run.environment, AbortSignal.timeout(lookLimitMs)).catch((error: unknown) => {
      context.log.warn({ err: error }, 'looking at the cluster for a rollback')
      return undefined
    }),
    context.runs.releases(run.environment),
  ])
  const answer = seen === undefined ? undefined : rollbackTargetOf(seen, image, releases, revision)
  if (answer?.ok === false) return rollbackRefusedView(run, answer, now)
  const { forbids: schema, doubt } = putsDatabaseBack(undo)
    ? {}
    : await judgeSchema(run, targetOf(image, answer?.rollbackTarget), context)
  if (schema !== undefined)
    return rollbackRefusedView(run, { refusal: { reason: 'schema_too_new', schema }, choices: [] }, now)
  if (answer === undefined) return withDoubt(unseen(asked, context), doubt)
  const shown = fitting(answer.rollbackTarget, metadata)
  return withDoubt(rollbackView(run, withRollbackTarget(undo, shown), metadata(shown), now, asked.breakGlass), doubt)
}

/** What may fail is said above the rest, and stands in nobody's way. */
function withDoubt(view: ModalView, doubt: string | undefined): ModalView {
  return doubt === undefined
    ? view
    : { ...view, blocks: [paragraph(`:warning: ${words(doubt, longestDoubt)}`), ...view.blocks] }
}

function unseen({ run, undo, revision, breakGlass, metadata }: Asked, context: CommandContext): ModalView {
  const why = noAnswerWithin(lookLimitMs / 1_000)
  if (revision !== undefined)
    return rollbackRefusedView(run, { refusal: { reason: 'revisions_unseen', why }, choices: [] }, context.now())
  const rollbackTarget = { kind: 'unseen', why } as const
  return rollbackView(
    run,
    withRollbackTarget(undo, rollbackTarget),
    metadata(rollbackTarget),
    context.now(),
    breakGlass,
  )
}

/** Tells whether the deployment is known to have changed since the dialog was shown. */
export async function hasMoved(
  run: Run,
  rollbackTarget: RollbackTarget | undefined,
  context: CommandContext,
): Promise<boolean> {
  if (rollbackTarget?.kind !== 'seen') return false
  // An answer that does not come is passed over: the run looks again before it changes anything.
  const seen = await context.deployment(run.environment, AbortSignal.timeout(clusterLimitMs)).catch(() => undefined)
  return seen !== undefined && seen.templateHash !== rollbackTarget.from.templateHash
}

const longestMetadata = 2_900
const longestLine = 200
const longestDoubt = 1_000

/**
 * Shortens what a dialog carries, which is limited: differences that do not fit are counted, here and in what is shown.
 */
function fitting(rollbackTarget: Extract<RollbackTarget, { kind: 'seen' }>, metadata: Asked['metadata']) {
  const lines = rollbackTarget.differences.map((line) => clipped(line, longestLine))
  for (let kept = lines.length; ; kept -= 1) {
    const shown = { ...rollbackTarget, differences: lines.slice(0, kept), more: lines.length - kept }
    if (kept === 0 || metadata(shown).length <= longestMetadata) return shown
  }
}
