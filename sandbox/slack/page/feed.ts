import { useCallback, useEffect, useRef, useState } from 'react'
import type { PageState } from '../page-state.ts'

/** What a control answers: its own fields, or `error` when it refused. */
interface Answer {
  readonly ok?: boolean
  readonly error?: string
  readonly errors?: Readonly<Record<string, string>>
  readonly result?: string
}

/** Does something as a person of the workspace: POST /control/<name>. */
export async function control(name: string, body: Readonly<Record<string, unknown>>): Promise<Answer> {
  try {
    const response = await fetch(`/control/${name}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const answer = (await response.json()) as Answer
    return response.ok ? answer : { ok: false, error: answer.error ?? `status ${response.status}` }
  } catch {
    return { ok: false, error: 'the sandbox does not answer' }
  }
}

/** Told after every call of the Web API and every envelope. */
export const traffic = new EventTarget()

interface Feed {
  readonly state: PageState | undefined
  /** The sandbox cannot be reached; it is tried again and again. */
  readonly offline: boolean
  refresh(): Promise<void>
}

/** The workspace as `user` sees it, kept fresh by server-sent events. */
export function useFeed(user: string): Feed {
  const [state, setState] = useState<PageState>()
  const [offline, setOffline] = useState(false)
  const wanted = useRef(user)
  const loading = useRef<Promise<void>>(undefined)
  const again = useRef(false)

  const refresh = useCallback((): Promise<void> => {
    again.current = true
    loading.current ??= (async () => {
      while (again.current) {
        again.current = false
        const asked = wanted.current
        const response = await fetch(`/control/state?user=${encodeURIComponent(asked)}`).catch(() => undefined)
        if (response?.ok !== true) continue
        const fresh = (await response.json()) as PageState
        if (asked === wanted.current) setState((before) => shared(before, fresh))
      }
    })().finally(() => (loading.current = undefined))
    return loading.current
  }, [])

  useEffect(() => {
    wanted.current = user
    void refresh()
  }, [user, refresh])

  useEffect(() => {
    const source = new EventSource('/control/events')
    source.addEventListener('open', () => setOffline(false))
    source.addEventListener('error', () => setOffline(true))
    source.addEventListener('message', ({ data }) => {
      traffic.dispatchEvent(new Event('call'))
      if (data !== 'call') void refresh()
    })
    return () => source.close()
  }, [refresh])

  return { state, offline, refresh }
}

/** `fresh`, with every part that did not change taken from `before`: what is the same need not be drawn anew. */
function shared<Value>(before: unknown, fresh: Value): Value {
  if (typeof before !== 'object' || before === null || typeof fresh !== 'object' || fresh === null) return fresh
  const old = before as Record<string, unknown>
  const next = (Array.isArray(fresh) ? [] : {}) as Record<string, unknown>
  let same = Array.isArray(before) === Array.isArray(fresh) && Object.keys(old).length === Object.keys(fresh).length
  for (const [key, value] of Object.entries(fresh)) {
    next[key] = shared(old[key], value)
    if (next[key] !== old[key]) same = false
  }
  return (same ? before : next) as Value
}
