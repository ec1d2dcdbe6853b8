import { type ReactNode, useEffect, useState } from 'react'
import type { Json } from '../model.ts'
import type { TrafficDetail, TrafficLine } from '../page-state.ts'
import { traffic } from './feed.ts'
import { useFocusWithin } from './focus.ts'
import { Icon } from './icons.tsx'

const pauseMs = 300
const directions = ['all', 'to Slack', 'to the app'] as const

/** The raw traffic between the app and Slack: every call of the Web API and every envelope. */
export function Inspector({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [filter, setFilter] = useState('')
  const [direction, setDirection] = useState<(typeof directions)[number]>('all')
  const [selected, setSelected] = useState<TrafficLine>()
  const lines = useTraffic(filter).filter((line) => direction === 'all' || line.direction === direction)
  const newest = lines.toReversed()
  const pane = useFocusWithin<HTMLElement>('input')
  return (
    <section
      ref={pane}
      className="inspector"
      aria-label="Inspector"
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose()
      }}
    >
      <header>
        <h2>Inspector</h2>
        <input
          type="search"
          placeholder="Filter by method, text, id…"
          aria-label="Filter traffic"
          value={filter}
          onChange={({ target }) => setFilter(target.value)}
        />
        <select
          aria-label="Direction"
          value={direction}
          onChange={({ target }) => setDirection(directions.find((direction) => direction === target.value) ?? 'all')}
        >
          {directions.map((direction) => (
            <option key={direction}>{direction}</option>
          ))}
        </select>
        <button type="button" className="plain" aria-label="Close inspector" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div className="exchange">
        <ol aria-label="Traffic, newest first" tabIndex={0}>
          {newest.map((line) => (
            <li key={line.id}>
              <button
                type="button"
                aria-pressed={selected?.id === line.id}
                className={line.failed ? 'failed' : ''}
                onClick={() => setSelected(line)}
              >
                <time>{new Date(line.at).toLocaleTimeString([], { hour12: false })}</time>
                <span className="direction" title={line.direction}>
                  {line.direction === 'to Slack' ? '→' : '←'}
                  <span className="hidden"> {line.direction}</span>
                </span>
                <span className="what">{line.name}</span>
                <span className="outcome">
                  {line.outcome}
                  {line.tookMs !== undefined && ` ${line.tookMs} ms`}
                </span>
              </button>
            </li>
          ))}
          {newest.length === 0 && <li className="muted none">Nothing passed that fits.</li>}
        </ol>
        <Detail
          line={selected === undefined ? undefined : (lines.find((line) => line.id === selected.id) ?? selected)}
        />
      </div>
    </section>
  )
}

/** Asks again after whatever passes, but not for each of a burst. */
function useTraffic(filter: string): readonly TrafficLine[] {
  const [lines, setLines] = useState<readonly TrafficLine[]>([])
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const ended = new AbortController()
    const load = async () => {
      timer = undefined
      const response = await fetch(`/control/traffic?filter=${encodeURIComponent(filter)}`, { signal: ended.signal })
      setLines((await response.json()) as readonly TrafficLine[])
    }
    const soon = () => {
      timer ??= setTimeout(() => void load().catch(() => undefined), pauseMs)
    }
    void load().catch(() => undefined)
    traffic.addEventListener('call', soon)
    return () => {
      traffic.removeEventListener('call', soon)
      clearTimeout(timer)
      ended.abort()
    }
  }, [filter])
  return lines
}

function Detail({ line }: { readonly line: TrafficLine | undefined }): ReactNode {
  const [detail, setDetail] = useState<TrafficDetail | null>(null)
  const { id, outcome } = line ?? {}
  useEffect(() => {
    if (id === undefined) return undefined
    const ended = new AbortController()
    fetch(`/control/traffic?id=${id}`, { signal: ended.signal })
      .then(async (response) => setDetail((await response.json()) as TrafficDetail | null))
      .catch(() => undefined)
    return () => ended.abort()
  }, [id, outcome])
  if (detail === null || detail.id !== id)
    return <div className="detail muted none">Choose a line to see its JSON.</div>
  const app = detail.direction === 'to Slack' ? ['Arguments', 'Answer'] : ['Payload', 'Acknowledged with']
  return (
    <div className="detail" tabIndex={0} role="region" aria-label={`${detail.name}: details`}>
      <h3>
        {detail.name} <span className="muted">{detail.direction}</span>
      </h3>
      <h4>{app[0]}</h4>
      <pre>{readable(detail.sent)}</pre>
      <h4>{app[1]}</h4>
      <pre>{detail.answer === undefined ? 'nothing' : readable(detail.answer)}</pre>
    </div>
  )
}

/** JSON with the JSON inside its strings opened: forms carry blocks as text. */
function readable(value: Json): string {
  const open = (_key: string, inner: unknown): unknown => {
    if (typeof inner !== 'string' || !/^[[{]/.test(inner)) return inner
    try {
      return JSON.parse(inner) as unknown
    } catch {
      return inner
    }
  }
  return JSON.stringify(value, open, 2)
}
