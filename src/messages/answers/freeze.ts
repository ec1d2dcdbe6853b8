import type { Freeze } from '../../model/freeze.ts'
import { localTime } from '../blocks/marks.ts'
import { code, message, type Message, paragraph, words } from '../blocks/message.ts'

/** "production is frozen until Dec 28, 10:00: Holidays" */
export function frozenLine(environment: string, { name, until }: Freeze): string {
  const end = localTime(until, '{date_short_pretty} {time}')
  return `*${words(environment, 60)}* is frozen until ${end}: ${words(name, 80)}`
}

/** Refuses a deploy, or its approval, because of a freeze, and says how it is done all the same. */
export function frozenRefusal({
  environment,
  freeze,
  doing,
}: {
  readonly environment: string
  readonly freeze: Freeze
  readonly doing: 'deploy' | 'approve'
}): Message {
  const how = code('/billing deploy VERSION --override-freeze REASON')
  const next =
    doing === 'deploy'
      ? `If it cannot wait: ${how}, which needs one approval more.`
      : `Nothing was approved. Reject it; if it cannot wait: ${how}, which needs one approval more.`
  const text = `${frozenLine(environment, freeze)}. ${next} Rolling back, restoring and looking are not frozen.`
  return message(text, [paragraph(text)])
}
