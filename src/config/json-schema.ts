import { z } from 'zod'
import { purserSchema } from './purser-yaml.ts'

/** Makes the JSON Schema of purser.yaml for editors (draft 7, the one the YAML language server knows best). */
export function purserJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(purserSchema, { io: 'input', target: 'draft-7' })
  return { $schema, title: 'purser.yaml', ...schema }
}
