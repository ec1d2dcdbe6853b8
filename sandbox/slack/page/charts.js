import { h, svg } from './dom.js'

const colours = ['#2a78d6', '#d9822b', '#2f9e5f', '#a14ec1', '#d64550', '#0f9fa8', '#8a6d3b', '#6b7280']
const colour = (index) => colours[index % colours.length]

export function chartBlock(block) {
  const { chart } = block
  const body = chart.type === 'pie' ? pie(chart) : axes(chart)
  const names =
    chart.type === 'pie'
      ? chart.segments.map((one) => `${one.label} ${one.value}`)
      : chart.series.map((one) => one.name)
  return h(
    'figure.chart',
    {},
    h('figcaption', {}, block.title),
    body,
    h(
      'div.legend',
      {},
      names.map((name, index) => h('span', {}, h('i', { style: `background:${colour(index)}` }), name)),
    ),
  )
}

const width = 520
const height = 180
const left = 44
const bottom = 26

function axes(chart) {
  const { categories } = chart.axis_config
  const all = chart.series.flatMap((series) => series.data.map((point) => point.value))
  const top = niceCeiling(Math.max(...all, 0))
  const low = Math.min(...all, 0)
  const x = (index) => left + ((index + 0.5) * (width - left - 8)) / categories.length
  const y = (value) => 10 + ((top - value) * (height - bottom - 10)) / (top - low || 1)
  const grid = [0, 0.5, 1].map((part) => {
    const value = low + (top - low) * part
    return [
      svg('line', { x1: left, x2: width - 8, y1: y(value), y2: y(value), class: 'grid' }),
      svg('text', { x: left - 6, y: y(value) + 4, 'text-anchor': 'end' }, shortNumber(value)),
    ]
  })
  const every = Math.ceil(categories.length / 8)
  const labels = categories.map(
    (label, index) =>
      index % every === 0 && svg('text', { x: x(index), y: height - 8, 'text-anchor': 'middle' }, label),
  )
  return h(
    'div.scroll',
    {},
    svg(
      'svg',
      { viewBox: `0 0 ${width} ${height}`, role: 'img' },
      grid.flat(),
      labels.filter(Boolean),
      chart.series.map((series, index) => drawn(chart, series, index, { categories, x, y, low })),
    ),
  )
}

function drawn(chart, series, index, { categories, x, y, low }) {
  const values = categories.map((label) => series.data.find((point) => point.label === label)?.value ?? 0)
  if (chart.type === 'bar') {
    const slot = (width - left - 8) / categories.length
    const thick = Math.max(2, (slot * 0.7) / chart.series.length)
    return values.map((value, at) => {
      const start = x(at) - (thick * chart.series.length) / 2 + thick * index
      return svg('rect', {
        x: start,
        width: thick,
        y: Math.min(y(value), y(0)),
        height: Math.abs(y(0) - y(value)),
        rx: 2,
        fill: colour(index),
      })
    })
  }
  const points = values.map((value, at) => `${x(at)},${y(value)}`).join(' ')
  const area =
    chart.type === 'area' &&
    svg('polygon', {
      points: `${x(0)},${y(Math.max(low, 0))} ${points} ${x(values.length - 1)},${y(Math.max(low, 0))}`,
      fill: colour(index),
      'fill-opacity': 0.25,
    })
  const dots = values.map((value, at) => svg('circle', { cx: x(at), cy: y(value), r: 2.5, fill: colour(index) }))
  return [area, svg('polyline', { points, fill: 'none', stroke: colour(index), 'stroke-width': 2 }), ...dots]
}

function pie(chart) {
  const total = chart.segments.reduce((sum, one) => sum + one.value, 0)
  let before = 0
  const circle = 2 * Math.PI * 50
  const parts = chart.segments.map((one, index) => {
    const share = one.value / total
    const ring = svg('circle', {
      cx: 90,
      cy: 90,
      r: 50,
      fill: 'none',
      stroke: colour(index),
      'stroke-width': 34,
      'stroke-dasharray': `${share * circle} ${circle}`,
      'stroke-dashoffset': -before * circle,
      transform: 'rotate(-90 90 90)',
    })
    before += share
    return ring
  })
  return svg('svg', { viewBox: '0 0 180 180', role: 'img', class: 'pie' }, parts)
}

function niceCeiling(value) {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value) ?? value
}

function shortNumber(value) {
  return Math.abs(value) >= 1000 ? `${+(value / 1000).toFixed(1)}k` : String(+value.toFixed(2))
}
