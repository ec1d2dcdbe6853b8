import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  isBinaryExpression,
  isCallExpression,
  isCaseClause,
  isElementAccessExpression,
  isExportDeclaration,
  isImportDeclaration,
  isLiteralTypeNode,
  isNewExpression,
  isNoSubstitutionTemplateLiteral,
  isPropertyAssignment,
  isStringLiteral,
  isTemplateExpression,
  isTypeNode,
} from 'typescript/unstable/ast/is'
import type { Node, SourceFile, TemplateExpression } from 'typescript/unstable/ast'
import { API } from 'typescript/unstable/sync'
import { filesBelow, root } from './documents.ts'

/** A string of the product that people can read: in Slack, in a file, in the log of the start, in the documentation. */
export interface VisibleString {
  readonly path: string
  readonly line: number
  /** What is put in is `⟨⟩`, and `⟨n.n⟩` where it is a number with decimals. */
  readonly text: string
  /** Whether it is handed to the function that makes code of it. */
  readonly isCode: boolean
}

/** Calls whose strings nobody but a developer reads, and what is no sentence. */
const unread =
  /(?:^|\.)(?:#?log(?:ger)?\.\w+|query|RegExp|Error|TypeError|RangeError|DOMException|startsWith|includes|endsWith|split|has)$/
const sql =
  /^\s*(?:select|insert into|update \w|delete from|with \w+ as|create |alter |drop |lock table|set |begin|analyze|vacuum|notify|listen|comment on|grant |revoke |do |declare |if |perform |-- )/i

/** Parses every file of the product with TypeScript's own parser. */
export function visibleStrings(): readonly VisibleString[] {
  const api = new API({ cwd: root })
  try {
    const [project] = api.updateSnapshot({ openProjects: [join(root, 'tsconfig.json')] }).getProjects()
    if (project === undefined) throw new Error('tsconfig.json opens no project')
    return filesBelow('src', '.ts').flatMap((path) => {
      const file = project.program.getSourceFile(join(root, path))
      if (file === undefined) throw new Error(`${path} is not in the project`)
      const source = readFileSync(join(root, path), 'utf8')
      return stringsIn(file, source).map((found) => ({ path, ...found }))
    })
  } finally {
    api.close()
  }
}

function stringsIn(file: SourceFile, source: string): readonly Omit<VisibleString, 'path'>[] {
  const found: Omit<VisibleString, 'path'>[] = []
  const visit = (node: Node): void => {
    if (isImportDeclaration(node) || isExportDeclaration(node) || isTypeNode(node)) return
    if ((isCallExpression(node) || isNewExpression(node)) && unread.test(textOf(node.expression, source))) return
    const text = readable(node, source)
    if (text !== undefined && /\S\s+\S/.test(text) && !sql.test(text) && !isName(node, source))
      found.push({
        line: file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1,
        text,
        isCode: isHandedToCode(node, source),
      })
    node.forEachChild(visit)
  }
  file.forEachChild(visit)
  return found
}

function readable(node: Node, source: string): string | undefined {
  if (isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node)) return node.text
  return isTemplateExpression(node) ? textOfTemplate(node, source) : undefined
}

function textOfTemplate({ head, templateSpans }: TemplateExpression, source: string): string {
  const spans = templateSpans.map(({ expression, literal }) => {
    const hole = /\.toFixed\([1-9]/.test(textOf(expression, source)) ? '⟨n.n⟩' : '⟨⟩'
    return `${hole}${literal.text}`
  })
  return `${head.text}${spans.join('')}`
}

/** A key, a case, what something is compared with, or the name of a step, by which it is found again. */
function isName(node: Node, source: string): boolean {
  const { parent } = node
  if (
    isCallExpression(parent) &&
    parent.arguments[0] === node &&
    /\.(?:step|change)$/.test(textOf(parent.expression, source))
  )
    return true
  if (isLiteralTypeNode(parent) || isCaseClause(parent) || isElementAccessExpression(parent)) return true
  if (isPropertyAssignment(parent)) return parent.name === node
  return isBinaryExpression(parent) && /[!=]==/.test(parent.operatorToken.getText())
}

function isHandedToCode({ parent }: Node, source: string): boolean {
  return isCallExpression(parent) && textOf(parent.expression, source) === 'code'
}

function textOf(node: Node, source: string): string {
  return source.slice(node.getFullStart(), node.getEnd()).trim()
}
