import type { Node } from 'libpg-query'

/** One node on the way: its kind, its content, and the kinds of the nodes that it stands in, the nearest last. */
export interface Visited {
  readonly kind: string
  readonly node: object
  readonly above: Above | undefined
}
interface Above {
  readonly kind: string
  readonly above: Above | undefined
}

/** Fields whose content is a node of one kind, so the tree does not name it again. */
const typedFields: Readonly<Record<string, string>> = {
  larg: 'SelectStmt',
  rarg: 'SelectStmt',
  setstmt: 'VariableSetStmt',
  funccall: 'FuncCall',
  typeName: 'TypeName',
  relation: 'RangeVar',
  withClause: 'WithClause',
  onConflictClause: 'OnConflictClause',
}
/** `base` of a foreign table and `action` of default privileges are statements too. */
const typedIn: Readonly<Record<string, { readonly above: string; readonly kind: string }>> = {
  base: { above: 'CreateForeignTableStmt', kind: 'CreateStmt' },
  action: { above: 'AlterDefaultPrivilegesStmt', kind: 'GrantStmt' },
  val: { above: 'PLAssignStmt', kind: 'SelectStmt' },
}

/**
 * Visits every node of a tree, whatever it is nested in. It has a stack of its own, as a text may nest deeper than calls can. A
 * visit that returns false keeps the walk out of the node.
 */
export function walk(root: object, visit: (visited: Visited) => boolean | void): void {
  const waiting: { readonly value: unknown; readonly above: Above | undefined }[] = [{ value: root, above: undefined }]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { value, above } = next
    if (typeof value !== 'object' || value === null) continue
    if (Array.isArray(value)) {
      for (let index = value.length - 1; index >= 0; index -= 1) waiting.push({ value: value[index], above })
      continue
    }
    const fields = value as Readonly<Record<string, unknown>>
    const names = Object.keys(fields)
    for (let index = names.length - 1; index >= 0; index -= 1) {
      const name = names[index] ?? ''
      const child = fields[name]
      if (typeof child !== 'object' || child === null) continue
      const kind = kindOf(name, child, above)
      if (kind === undefined) waiting.push({ value: child, above })
      // A constant holds nothing, and a file of rows is made of them.
      else if (visit({ kind, node: child, above }) !== false && kind !== 'A_Const')
        waiting.push({ value: child, above: { kind, above } })
    }
  }
}

/** Only nodes have names that begin with a capital; fields never do. */
function kindOf(name: string, child: object, above: Above | undefined): string | undefined {
  if (Array.isArray(child)) return undefined
  if (isCapital(name)) return name
  const inOne = typedIn[name]
  const field = inOne !== undefined && inOne.above === above?.kind ? inOne.kind : typedFields[name]
  // A field of the same name may hold a node that says its kind itself.
  return field === undefined || Object.keys(child).some(isCapital) ? undefined : field
}

function isCapital(name: string): boolean {
  const first = name.charCodeAt(0)
  return first >= 65 && first <= 90
}

export function someNode(root: Node, matches: (kind: string) => boolean): boolean {
  let found = false
  walk(root, ({ kind }) => {
    found ||= matches(kind)
    return !found
  })
  return found
}

/** Tells whether one of the nodes around it is of such a kind. */
export function isInside({ above }: Visited, kinds: ReadonlySet<string>): boolean {
  for (let at = above; at !== undefined; at = at.above) if (kinds.has(at.kind)) return true
  return false
}
