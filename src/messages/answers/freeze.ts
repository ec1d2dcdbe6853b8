import type { Freeze } from '../../model/freeze.ts'
import type { Run } from '../../model/run.ts'
import { localTime } from '../blocks/marks.ts'
import { code, mention, message, type Message, paragraph, words } from '../blocks/message.ts'

/** "production is frozen until Dec 28, 10:00: Holidays" */
export function frozenLine(environment: string, { name, until }: Freeze): string {
  const end = localTime(until, '{date_short_pretty} {time}')
  return `*${words(environment, 60)}* is frozen until ${end}: ${words(name, 80)}`
}

/** Says that a deploy was asked for in spite of a freeze, by whom and why; nothing for any other run. */
export function overrideLine({ freezeOverride, requestedBy, reason = '' }: Run): readonly string[] {
  if (freezeOverride === undefined) return []
  return [
    `:snowflake: ${mention(requestedBy)} overrides the freeze “${words(freezeOverride, 80)}”: ${words(reason, 300)}`,
  ]
}

/** Refuses a deploy, or its approval, because of a freeze, and says how it is done all the same. */
export function frozenRefusal({
  environment,
  freeze,
  doing,
}: {
  readonly environment: string
  readonly freeze: Freeze
  readonly doing: 'deploy' | 'approve' | 'retry'
}): Message {
  const how = code('/billing deploy VERSION --override-freeze REASON')
  const first = { deploy: '', approve: 'Not approved. ', retry: 'Not retried. ' }[doing]
  const next = `${first}If it can't wait: ${how}. It needs one more approval.`
  const text = `${frozenLine(environment, freeze)}.\n${next} Rollbacks, restores, fixes and dry runs aren't frozen.`
  return message(text, [paragraph(text)])
}
