import { memo, type ReactNode, useCallback, useMemo, useState } from 'react'
import { dateWords } from '../dates.ts'
import type { Message, SlackFile } from '../model.ts'
import { Avatar } from './avatar.tsx'
import { Blocks } from './blocks/blocks.tsx'
import type { Element } from './blocks/parts.ts'
import { ActContext, EditsContext, type Form, FormContext, useWorkspace } from './blocks/contexts.ts'
import { mrkdwn, safeUrl } from './blocks/text.tsx'
import { Icon } from './icons.tsx'

interface MessageProps {
  readonly message: Message
  /** Follows another message of the same person closely: without face and name. */
  readonly compact: boolean
  readonly onPress: (message: Message, element: Element, value: string | undefined) => Promise<void>
  /** Left out in a thread. */
  readonly onThread?: ((ts: string) => void) | undefined
}

export const MessageItem = memo(function MessageItem({ message, compact, onPress, onThread }: MessageProps): ReactNode {
  const { users, names } = useWorkspace()
  const user = users.find((known) => known.id === message.user)
  const act = useCallback((element: Element, value?: string) => onPress(message, element, value), [message, onPress])
  const at = new Date(Number(message.ts) * 1000)
  const time = clockTime(message.ts)
  const ephemeral = message.is_ephemeral === true
  return (
    <article className={`message ${compact ? 'compact' : ''} ${ephemeral ? 'ephemeral' : ''}`} data-ts={message.ts}>
      {compact ? (
        <time className="aside" dateTime={at.toISOString()}>
          {time}
        </time>
      ) : (
        <Avatar id={message.user} user={user} />
      )}
      <div className="content">
        {ephemeral && (
          <div className="only">
            <Icon name="eye" /> Only visible to you
          </div>
        )}
        {!compact && (
          <div className="by">
            <strong>{user?.realName ?? message.user}</strong>
            {user?.isBot === true && <span className="app-badge">APP</span>}
            <time dateTime={at.toISOString()} title={at.toLocaleString()}>
              {time}
            </time>
          </div>
        )}
        <div className="blocks">
          {message.blocks === undefined ? (
            <div className="text">{mrkdwn(message.text, names)}</div>
          ) : (
            <ActContext value={act}>
              <EditsContext value={message.edits ?? 0}>
                <MessageForm>
                  <Blocks blocks={message.blocks} />
                </MessageForm>
              </EditsContext>
            </ActContext>
          )}
        </div>
        {message.edited !== undefined && <span className="muted edited">(edited)</span>}
        {message.files?.map((file) => (
          <File key={file.id} file={file} />
        ))}
        {onThread !== undefined && (message.reply_count ?? 0) > 0 && (
          <button type="button" className="replies" onClick={() => onThread(message.ts)}>
            <Icon name="thread" /> {message.reply_count} {message.reply_count === 1 ? 'reply' : 'replies'}
            <span className="muted"> {lastReply(message.latest_reply)}</span>
          </button>
        )}
      </div>
    </article>
  )
})

/** Choices made in a message stay as they were made when the message changes. */
function MessageForm({ children }: { readonly children: ReactNode }): ReactNode {
  const [values, setValues] = useState<Readonly<Record<string, string>>>({})
  const form: Form = useMemo(
    () => ({ values, errors: {}, set: (key, value) => setValues((before) => ({ ...before, [key]: value })) }),
    [values],
  )
  return <FormContext value={form}>{children}</FormContext>
}

function lastReply(ts: string | undefined): string {
  if (ts === undefined) return 'View thread'
  return `last at ${clockTime(ts)}`
}

function clockTime(ts: string): string {
  return dateWords(Number(ts), '{time}') ?? ''
}

function File({ file }: { readonly file: SlackFile }): ReactNode {
  const size = file.size < 1024 ? `${file.size} bytes` : `${(file.size / 1024).toFixed(1)} kB`
  return (
    <a className="file" href={safeUrl(file.url)} download={file.name}>
      <span className="file-icon">
        <Icon name="file" />
      </span>
      <span>
        <strong>{file.title}</strong>
        <span className="muted">
          {file.name} · {size}
        </span>
      </span>
    </a>
  )
}
