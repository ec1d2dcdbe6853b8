import { z } from 'zod'

/** Words each problem in one line: where it is (path, line), what is wrong, and what belongs there. */
export function describeIssues(
  issues: readonly z.core.$ZodIssue[],
  schema: z.ZodType,
  lineOf: (path: readonly PropertyKey[]) => number | undefined,
): string[] {
  const outline = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return issues.flatMap(withinUnion).map((issue) => {
    const line = lineOf(issue.path)
    const place = `${pathText(issue.path)}${line === undefined ? '' : ` (line ${line})`}`
    return `${place}: ${messageOf(issue, nodeAt(outline, issue.path))}`
  })
}

/**
 * Picks what is really wrong with a value that may be one thing or another: zod tells what is wrong with it as each of
 * them. What people meant is the one of which only a part is wrong; if none is like that, the whole is.
 */
function withinUnion(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const meant = issue.errors.find((one) =>
    one.every((inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys'),
  )
  return (meant ?? []).length === 0
    ? [issue]
    : (meant ?? []).flatMap((inner) => withinUnion({ ...inner, path: [...issue.path, ...inner.path] }))
}

function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
  return text === '' ? 'the file' : text.replace(/^\./, '')
}

type Outline = z.core.JSONSchema.BaseSchema

function messageOf(issue: z.core.$ZodIssue, expected: Outline | undefined): string {
  const meaning = expected?.description === undefined ? '' : ` (${expected.description})`
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys((expected && structureOf(expected).properties) ?? {})
    return `unknown key ${issue.keys.join(', ')}. Remove or rename it. Known here: ${known.join(', ')}`
  }
  if (issue.code === 'invalid_key') {
    return `the key ${issue.issues.map((inner) => inner.message).join('; ')}`
  }
  if (issue.message.endsWith('received undefined')) return `is missing. Add it${meaning}`
  const text = issue.code === 'custom' ? issue.message : lowerFirst(issue.message.replace(/^Invalid input: /, ''))
  return `${text}${meaning}`
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1)
}

/** Picks, of several possible things, the one that has parts. */
function structureOf(node: Outline): Outline {
  return node.anyOf?.find((one) => typeof one === 'object' && 'properties' in one) ?? node
}

/** Returns what the JSON Schema says about a path; undefined when it leaves the schema. */
function nodeAt(outline: Outline, path: readonly PropertyKey[]): Outline | undefined {
  let node: Outline | undefined = outline
  for (const part of path) {
    if (node === undefined) return undefined
    const { properties, additionalProperties, items, prefixItems } = structureOf(node) as {
      properties?: Record<string, Outline>
      additionalProperties?: Outline | boolean
      items?: Outline
      prefixItems?: Outline[]
    }
    if (typeof part === 'number') node = prefixItems?.[part] ?? items
    else
      node = properties?.[String(part)] ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined)
  }
  return node
}
