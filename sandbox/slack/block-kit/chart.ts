import { z } from 'zod'
import { byType } from './objects.ts'

// https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block

const label = z.string().min(1).max(20)

const axisConfig = z.strictObject({
  categories: z
    .array(label)
    .min(1)
    .max(20)
    .refine((all) => new Set(all).size === all.length, 'Input contains duplicate items'),
  x_label: z.string().max(50).optional(),
  y_label: z.string().max(50).optional(),
})

const axisChart = (type: 'line' | 'bar' | 'area') =>
  z
    .strictObject({
      type: z.literal(type),
      series: z
        .array(
          z.strictObject({
            name: label,
            data: z
              .array(z.strictObject({ label, value: z.number() }))
              .min(1)
              .max(20),
          }),
        )
        .min(1)
        .max(12),
      axis_config: axisConfig,
    })
    .superRefine((chart, context) => {
      const names = chart.series.map((series) => series.name)
      if (new Set(names).size !== names.length) {
        context.addIssue({ code: 'custom', message: 'Input contains duplicate items', path: ['series'] })
      }
      const categories = [...chart.axis_config.categories].sort().join('\n')
      chart.series.forEach((series, index) => {
        const labels = series.data.map((point) => point.label)
        if ([...labels].sort().join('\n') !== categories) {
          context.addIssue({
            code: 'custom',
            message: 'must have exactly one data point per category',
            path: ['series', index, 'data'],
          })
        }
      })
    })

const pie = z.strictObject({
  type: z.literal('pie'),
  segments: z
    .array(z.strictObject({ label, value: z.number().gt(0) }))
    .min(1)
    .max(12),
})

export const chart = byType({ line: axisChart('line'), bar: axisChart('bar'), area: axisChart('area'), pie })
