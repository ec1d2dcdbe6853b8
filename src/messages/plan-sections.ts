import type { Block, KnownBlock } from '@slack/types'
import { isDeployPlan, isUndoPlan, type Run } from '../runs/model.ts'
import { capped, codeBlock, section, sections, words } from './message.ts'
import { fromTo, planChapters, undoChapters, type Chapter } from './plan-text.ts'

export interface PlanRoom {
  /** Characters for each chapter. */
  readonly chars: number
  readonly rest: string
}

/** The whole plan as sections; a chapter over its room says how much is left out and where it stands. */
export function planSections(run: Run, room: PlanRoom): readonly (KnownBlock | Block)[] {
  if (isDeployPlan(run.plan)) {
    return [section(fromTo(run.plan)), ...planChapters(run.plan).flatMap((chapter) => rendered(chapter, room))]
  }
  if (isUndoPlan(run.plan)) return undoChapters(run.plan).flatMap((chapter) => rendered(chapter, room))
  return [section('There is no plan yet.')]
}

export function rendered(chapter: Chapter, room: PlanRoom): readonly (KnownBlock | Block)[] {
  const cap = { lines: 200, chars: room.chars, rest: room.rest }
  const heading = `*${words(chapter.title, 150)}*`
  if (chapter.verbatim === true) {
    return [section(heading), codeBlock(capped(chapter.lines.map(clipLine), cap).join('\n'), room.chars + 200)]
  }
  const lines = chapter.lines.map((line) => lineOf(line, room.chars))
  return sections([heading, ...capped(lines, cap)])
}

/** Numbers stay as they are, other lines get a bullet. */
function lineOf(line: string, room: number): string {
  const text = words(line, Math.min(room - 10, 1400))
  return /^\d+\. /.test(text) ? text : `• ${text}`
}

function clipLine(line: string): string {
  return line.length > 400 ? `${line.slice(0, 399)}…` : line
}
