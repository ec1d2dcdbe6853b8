import { type ReactNode, useEffect, useId, useRef, useState } from 'react'
import type { Block } from './parts.ts'
import { FromLibrary } from './library.tsx'
import { Table } from './table.tsx'
import { plain } from './text.tsx'

interface Series {
  readonly name: string
  readonly data: readonly { readonly label: string; readonly value: number }[]
}

interface AxisChart {
  readonly type: 'line' | 'area' | 'bar'
  readonly series: readonly Series[]
  readonly axis_config: {
    readonly categories: readonly string[]
    readonly x_label?: string
    readonly y_label?: string
  }
}

const height = 190
const [left, right, top, bottom] = [46, 10, 10, 24]
const labelPx = 62

/**
 * A chart with axes, as wide as its place so that its words keep their size, and as a table for who cannot see it. Not
 * the library's: that rounds the line between two points, and shrinks with its words at phone width.
 */
export function Chart({ block }: { readonly block: Block }): ReactNode {
  const { chart } = block as unknown as { readonly chart: AxisChart | { readonly type: 'pie' } }
  if (chart.type === 'pie') return <FromLibrary block={block} />
  return <Axes title={plain(String(block.title ?? ''))} chart={chart} />
}

function Axes({ title, chart }: { readonly title: string; readonly chart: AxisChart }): ReactNode {
  const id = useId()
  const [place, width] = useWidth()
  const { categories, x_label: xLabel, y_label: yLabel } = chart.axis_config
  const values = chart.series.flatMap((series) => series.data.map((point) => point.value))
  const high = niceCeiling(Math.max(...values, 0))
  const low = Math.min(...values, 0)
  const slot = (width - left - right) / categories.length
  const x = (index: number) => left + (index + 0.5) * slot
  const y = (value: number) => top + ((high - value) * (height - top - bottom)) / (high - low || 1)
  const every = Math.max(1, Math.ceil((categories.length * labelPx) / (width - left)))
  const units = [yLabel, xLabel].filter((label) => label !== undefined && label !== '').join(' by ')
  return (
    <figure className="chart" ref={place} aria-labelledby={id}>
      <figcaption id={id}>
        {title} {units !== '' && <span className="muted">{plain(units)}</span>}
      </figcaption>
      <svg width={width} height={height} role="img" aria-label={`${nameOf(chart.type)}: ${title}`}>
        {[0, 0.5, 1].map((part) => {
          const value = low + (high - low) * part
          return (
            <g key={part}>
              <line x1={left} x2={width - right} y1={y(value)} y2={y(value)} className="grid" />
              <text x={left - 7} y={y(value) + 4} textAnchor="end">
                {short(value)}
              </text>
            </g>
          )
        })}
        {categories.map(
          (label, index) =>
            index % every === 0 && (
              <text key={label} x={x(index)} y={height - 6} textAnchor="middle">
                {label}
              </text>
            ),
        )}
        {chart.series.map((series, index) => (
          <g key={series.name} className={`series series-${index % 8}`}>
            <Drawn chart={chart} index={index} x={x} y={y} slot={slot} />
          </g>
        ))}
      </svg>
      <div className="legend">
        {chart.series.map((series, index) => (
          <span key={series.name} className={`series-${index % 8}`}>
            <i />
            {series.name}
          </span>
        ))}
      </div>
      <details>
        <summary>As a table</summary>
        <Table block={asTable(chart)} />
      </details>
    </figure>
  )
}

interface DrawnProps {
  readonly chart: AxisChart
  readonly index: number
  readonly slot: number
  readonly x: (index: number) => number
  readonly y: (value: number) => number
}

function Drawn({ chart, index, slot, x, y }: DrawnProps): ReactNode {
  const values = chart.axis_config.categories.map((label) => valueAt(chart.series[index], label))
  if (chart.type === 'bar') {
    const thick = Math.max(2, (slot * 0.7) / chart.series.length)
    return values.map((value, at) => (
      <rect
        key={at}
        x={x(at) - (thick * chart.series.length) / 2 + thick * index}
        y={Math.min(y(value), y(0))}
        width={thick}
        height={Math.abs(y(0) - y(value))}
        rx={1.5}
      />
    ))
  }
  const points = values.map((value, at) => `${x(at)},${y(value)}`).join(' ')
  return (
    <>
      {chart.type === 'area' && (
        <polygon points={`${x(0)},${y(0)} ${points} ${x(values.length - 1)},${y(0)}`} fillOpacity={0.18} />
      )}
      <polyline points={points} />
      {values.map((value, at) => (
        <circle key={at} cx={x(at)} cy={y(value)} r={2.5} />
      ))}
    </>
  )
}

function useWidth(): [React.RefObject<HTMLElement | null>, number] {
  const place = useRef<HTMLElement>(null)
  const [width, setWidth] = useState(480)
  useEffect(() => {
    if (place.current === null) return undefined
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined && entry.contentRect.width > 0) setWidth(Math.floor(entry.contentRect.width))
    })
    observer.observe(place.current)
    return () => observer.disconnect()
  }, [])
  return [place, width]
}

const valueAt = (series: Series | undefined, label: string): number =>
  series?.data.find((point) => point.label === label)?.value ?? 0

function asTable(chart: AxisChart): Block {
  const cell = (text: string) => ({ type: 'raw_text' as const, text })
  return {
    type: 'table',
    rows: [
      [cell(chart.axis_config.x_label ?? ''), ...chart.series.map((series) => cell(series.name))],
      ...chart.axis_config.categories.map((label) => [
        cell(label),
        ...chart.series.map((series) => cell(String(valueAt(series, label)))),
      ]),
    ],
  }
}

function nameOf(type: AxisChart['type']): string {
  return { line: 'Line chart', area: 'Area chart', bar: 'Bar chart' }[type]
}

function niceCeiling(value: number): number {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value) ?? value
}

function short(value: number): string {
  return Math.abs(value) >= 1000 ? `${+(value / 1000).toFixed(1)}k` : String(+value.toPrecision(3))
}
