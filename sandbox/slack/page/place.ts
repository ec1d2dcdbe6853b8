/** What this browser looks at. */
export interface Place {
  readonly channel: string
  readonly thread: string
  /** The message to which a permalink led. */
  readonly target: string
  /** The app's Home tab, instead of a channel. */
  readonly home: boolean
}

/** Where a permalink leads: /archives/<channel>/p<ts without its dot>?thread_ts=<ts>. */
export function placeFrom(address: Location): Place {
  const [, channel = '', digits = ''] = /\/archives\/([^/]+)(?:\/p(\d+))?/.exec(address.pathname) ?? []
  const target = digits === '' ? '' : `${digits.slice(0, -6)}.${digits.slice(-6)}`
  const thread = new URLSearchParams(address.search).get('thread_ts') ?? ''
  return { channel, thread, target, home: false }
}
