import type { Block, KnownBlock } from '@slack/types'
import { isDeployPlan, isRestorePlan, isUndoPlan, type Run } from '../../model/run.ts'
import { list } from '../blocks/list.ts'
import { clip } from '../../outside-text/cut.ts'
import { capped, codeBlock, linkTo, paragraph, words } from '../blocks/message.ts'
import { restoreChapters } from './restore.ts'
import { fromTo, planChapters, undoChapters } from './plan-text.ts'
import type { Chapter } from './chapter.ts'

interface PlanRoom {
  /** The most characters of each chapter. */
  readonly chars: number
  readonly rest: string
}

/** Renders the whole plan; a chapter over its room says how much is left out and where it is. */
export function planSections(run: Run, room: PlanRoom): readonly (KnownBlock | Block)[] {
  if (isDeployPlan(run.plan)) {
    return [paragraph(fromTo(run.plan)), ...planChapters(run.plan).flatMap((chapter) => rendered(chapter, room))]
  }
  if (isUndoPlan(run.plan)) return undoChapters(run.plan).flatMap((chapter) => rendered(chapter, room))
  if (isRestorePlan(run.plan)) return restoreChapters(run.plan).flatMap((chapter) => rendered(chapter, room))
  return [paragraph("There's no plan.")]
}

export function rendered(chapter: Chapter, room: PlanRoom): readonly (KnownBlock | Block)[] {
  const cap = { lines: 200, chars: room.chars, rest: room.rest }
  if (chapter.verbatim !== true) {
    const line = Math.min(room.chars, 1400)
    const lines = list(chapter.title, chapter.lines, { ordered: chapter.ordered ?? false, line, cap })
    return chapter.link === undefined ? lines : [...lines, paragraph(linkTo(chapter.link))]
  }
  const lines = capped(
    chapter.lines.map((line) => clip(line, 400)),
    { ...cap, chars: Math.min(room.chars, 2600) },
  )
  return [paragraph(`*${words(chapter.title, 150)}*`), codeBlock(lines.join('\n'))]
}
