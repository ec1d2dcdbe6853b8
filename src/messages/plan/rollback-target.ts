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
  return [paragraph(':hourglass_flowing_sand: Asking the cluster what runs now …')]
}

/** Shows, before the click, what runs after it. */
export function rollbackTargetBlocks(rollbackTarget: RollbackTarget, environment: string, now: Date): Blocks {
  if (rollbackTarget.kind === 'unseen')
    return [paragraph([`:warning: *${words(unseenLine(rollbackTarget.why), 400)}*`, unseenNext].join('\n'))]
  const warning = warningOf(rollbackTarget)
  const where = environment.replace(/^[a-z]/, (letter) => letter.toUpperCase())
  const { to, image, from } = rollbackTarget
  const instead = ` instead of ${words(shortDigests(from.version ?? from.image), 200)}`
  const what = to?.version ?? (to === null ? image : `revision ${to.revision}`)
  return [
    paragraph(
      [
        `*${words(where, 60)} will run ${words(shortDigests(what), 200)}*${instead} ${words(madeOf(rollbackTarget, now), 300)}`,
        ...(warning === undefined ? [] : [`:warning: *${words(warning, 400)}*`]),
      ].join('\n'),
    ),
  ]
}

/** "(revision 7, created 3d ago, was healthy)" */
function madeOf({ to }: Seen, now: Date): string {
  if (to === null) return '(the image only)'
  const made = to.createdAt === null ? [] : [`created ${ago(new Date(to.createdAt), now)}`]
  return `(${[`revision ${to.revision}`, ...made, healthWords(to)].join(', ')})`
}

const shownDifferences = 3

/** Shows how the pods will differ, which few need to know before they confirm: last, and not much of it. */
export function podChanges(rollbackTarget: RollbackTarget): Blocks {
  if (rollbackTarget.kind === 'unseen') return []
  const lines = differenceLines(rollbackTarget).map(shortDigests)
  const cap = { lines: shownDifferences, chars: 900, rest: 'in the plan of the rollback' }
  return list('Pod changes', lines, { line: 300, cap })
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
    paragraph(`:no_entry_sign: *${words(why, 900)}*\n${words(next, 300)}`),
    ...(lines.length === 0 ? [] : list('Revisions in the cluster', lines, style)),
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
    { title: 'Pod changes', lines: differenceLines(rollbackTarget), verbatim: true },
  ]
}

const unseenLine = (why: string) => `Couldn't ask the cluster what will run: ${why}.`
const unseenNext =
  'You can still roll back. The rollback checks first, and stops if the Deployment was changed by anyone else. Its thread ' +
  'says which version comes back.'

function runsLines({ to, image, from }: Seen, time: (at: Date) => string): readonly string[] {
  const instead = `instead of ${named(from.version, from.image)}`
  return [to === null ? named(null, image) : choiceLine(to, time), instead]
}

function choiceLine(choice: RevisionChoice, time: (at: Date) => string): string {
  const made = choice.createdAt === null ? '' : `, created ${time(new Date(choice.createdAt))}`
  const cause = choice.changeCause === null || choice.changeCause === '' ? '' : ` (${choice.changeCause})`
  return `revision ${choice.revision}: ${named(choice.version, choice.image)}${made}, ${healthWords(choice)}${cause}`
}

/** Shortens digests for a phone: the plan of the rollback has them in full. */
const shortDigests = (line: string) => line.replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/g, '$1…')

const named = (version: string | null, image: string) => (version === null ? image : `${version}, ${image}`)

function warningOf({ to, kept }: Seen): string | undefined {
  if (to === null) {
    const limit = kept === 0 ? 'revisionHistoryLimit is 0' : `it keeps ${counted(kept, 'revision')}`
    return `The cluster has no previous revision (${limit}): only the image is set, everything else stays.`
  }
  if (to.health === 'failed') return 'That revision never became healthy.'
  if (to.health === 'unknown') return 'Purser never saw that revision healthy.'
  return undefined
}

function differenceLines({ differences, more }: Seen): readonly string[] {
  if (differences.length === 0) return ['none: already running']
  return [...differences, ...(more === 0 ? [] : [`… and ${counted(more, 'more line')}`])]
}
