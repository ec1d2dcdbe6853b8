import type { Block, KnownBlock } from '@slack/types'
import type { RevisionChoice, RollbackTarget } from '../../model/rollback-target.ts'
import { list } from '../blocks/list.ts'
import { ago, counted, utc } from '../../text.ts'
import { paragraph, words } from '../blocks/message.ts'
import { healthWords, type RollbackDialogRefusal, rollbackDialogRefusalWords } from '../refusals.ts'
import type { Chapter } from './chapter.ts'

type Blocks = readonly (KnownBlock | Block)[]
type Seen = Extract<RollbackTarget, { kind: 'seen' }>

const style = { line: 300, cap: { lines: 30, chars: 5000, rest: 'lines' } }

/** Says that the cluster is being asked: Slack gives three seconds to open a dialog. */
export function lookingAtCluster(): Blocks {
  return [paragraph(':hourglass_flowing_sand: Looking at the cluster: what runs now, and what will run …')]
}

/** Shows, before the click, what runs after it. */
export function rollbackTargetBlocks(rollbackTarget: RollbackTarget, now: Date): Blocks {
  if (rollbackTarget.kind === 'unseen')
    return [paragraph([`:warning: *${words(unseenLine(rollbackTarget.why), 400)}*`, unseenNext].join('\n'))]
  const warning = warningOf(rollbackTarget)
  return [
    ...list('This will run:', runsLines(rollbackTarget, (at) => ago(at, now)).map(shortDigests), style),
    ...(warning === undefined ? [] : [paragraph(`:warning: *${words(warning, 400)}*`)]),
    ...list('What changes in its pods:', differenceLines(rollbackTarget).map(shortDigests), style),
  ]
}

/** The reason why a rollback is not offered, and what could be chosen instead. */
export interface RefusedRollback {
  readonly refusal: RollbackDialogRefusal
  readonly choices: readonly RevisionChoice[]
}

export function refusedRollbackTarget(run: number, { refusal, choices }: RefusedRollback, now: Date): Blocks {
  const { why, next } = rollbackDialogRefusalWords(run, refusal)
  const lines = choices.map((choice) => shortDigests(choiceLine(choice, (at) => ago(at, now))))
  return [
    paragraph(`:no_entry_sign: *${words(why, 900)}* Nothing was changed.\n${words(next, 300)}`),
    ...(lines.length === 0 ? [] : list('Revisions that the cluster keeps:', lines, style)),
  ]
}

/** Says the same in the plan of the rollback, in which no clock runs. */
export function rollbackTargetChapters(rollbackTarget: RollbackTarget | undefined): readonly Chapter[] {
  if (rollbackTarget === undefined) return []
  if (rollbackTarget.kind === 'unseen')
    return [{ title: 'What will run', lines: [unseenLine(rollbackTarget.why), unseenNext] }]
  const warning = warningOf(rollbackTarget)
  return [
    { title: 'What will run', lines: [...runsLines(rollbackTarget, utc), ...(warning === undefined ? [] : [warning])] },
    { title: 'What changes in its pods', lines: differenceLines(rollbackTarget), verbatim: true },
  ]
}

const unseenLine = (why: string) => `The cluster could not be asked what will run: ${why}.`
const unseenNext =
  'The rollback can go ahead all the same. It looks before it changes anything, stops if somebody else has changed the ' +
  'deployment, and tells in its thread what comes back.'

function runsLines({ to, image, from }: Seen, time: (at: Date) => string): readonly string[] {
  const instead = `instead of ${named(from.version, from.image)}`
  return [to === null ? named(null, image) : choiceLine(to, time), instead]
}

function choiceLine(choice: RevisionChoice, time: (at: Date) => string): string {
  const made = choice.createdAt === null ? '' : `, made ${time(new Date(choice.createdAt))}`
  const cause = choice.changeCause === null || choice.changeCause === '' ? '' : ` (${choice.changeCause})`
  return `revision ${choice.revision}: ${named(choice.version, choice.image)}${made}, ${healthWords(choice)}${cause}`
}

/** Shortens digests for a phone: the plan of the rollback has them in full. */
const shortDigests = (line: string) => line.replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/g, '$1…')

const named = (version: string | null, image: string) => (version === null ? image : `${version}, ${image}`)

function warningOf({ to, kept }: Seen): string | undefined {
  if (to === null) {
    const limit = kept === 0 ? 'revisionHistoryLimit is 0' : `it keeps ${counted(kept, 'revision')}`
    return `There is no previous revision in the cluster (${limit}): only the image is set, everything else stays as it is now.`
  }
  if (to.health === 'failed') return `That revision never became healthy.`
  if (to.health === 'unknown') return `Purser never saw that revision healthy.`
  return undefined
}

function differenceLines({ differences, more }: Seen): readonly string[] {
  if (differences.length === 0) return ['nothing: it runs already']
  return [...differences, ...(more === 0 ? [] : [`… and ${counted(more, 'more line')}`])]
}
