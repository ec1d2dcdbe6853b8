import { memo, type ReactNode, useMemo } from 'react'
import { type Block as LibraryBlock, Message, type MessageProps } from 'slack-blocks-to-jsx'
import type { Block } from './parts.ts'
import { useWorkspace } from './contexts.ts'
import { emojiOf, Link, Mention, Time } from './text.tsx'

const hooks: NonNullable<MessageProps['hooks']> = {
  user: ({ id, name }) => <Mention>@{name ?? id}</Mention>,
  channel: ({ id, name }) => <Mention>#{name ?? id}</Mention>,
  usergroup: ({ id, name }) => <Mention>@{name ?? id}</Mention>,
  atHere: () => <Mention>@here</Mention>,
  atChannel: () => <Mention>@channel</Mention>,
  atEveryone: () => <Mention>@everyone</Mention>,
  emoji: (data, parse) => emojiOf(data.name) ?? parse(data),
  link: ({ href, children }) => <Link href={href}>{children}</Link>,
  date: ({ timestamp, format }) => <Time seconds={Number(timestamp)} {...unpacked(format)} />,
}

/** The library hands on the format of a date and drops the rest of it, so the format carries the rest. */
const packing = '\u001f'

function unpacked(format: string) {
  const [own = '', fallback, timeZone, url] = format.split(packing)
  return { format: own, fallback, url, timeZone: timeZone === '' ? undefined : timeZone }
}

function withWholeDates(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(withWholeDates)
  if (typeof part !== 'object' || part === null) return part
  const it = part as Readonly<Record<string, unknown>>
  if (it['type'] !== 'date') {
    return Object.fromEntries(Object.entries(it).map(([name, value]) => [name, withWholeDates(value)]))
  }
  const format = [it['format'], it['fallback'] ?? '', it['timezone'] ?? '', it['url'] ?? ''].join(packing)
  return { ...it, format }
}

/** A block as slack-blocks-to-jsx draws it: whatever only shows something, and has no text of Slack's own markup. */
export const FromLibrary = memo(function FromLibrary({ block }: { readonly block: Block }): ReactNode {
  const { users, channels, userGroups, theme } = useWorkspace()
  const data = useMemo(
    () => ({
      users: users.map((user) => ({ id: user.id, name: user.realName })),
      channels: channels.map((channel) => ({ id: channel.id, name: channel.name })),
      user_groups: userGroups.map((group) => ({ id: group.id, name: group.handle })),
    }),
    [users, channels, userGroups],
  ) as NonNullable<MessageProps['data']>
  // Block ids are unique within one message only, and the library makes them ids of the document.
  const { block_id: _blockId, ...rest } = block
  return (
    <Message
      blocks={[withWholeDates(rest) as LibraryBlock]}
      logo=""
      name=""
      theme={theme}
      data={data}
      hooks={hooks}
      withoutWrapper
    />
  )
})
