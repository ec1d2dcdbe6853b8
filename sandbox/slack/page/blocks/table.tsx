import type { ReactNode } from 'react'
import { FromLibrary } from './library.tsx'
import type { Block, Cell } from './parts.ts'
import { plain } from './text.tsx'

/** A table with its first row as head. Where there is no room for it, each row becomes a card with the head as labels. */
export function Table({ block }: { readonly block: Block }): ReactNode {
  const [head = [], ...rows] = block.rows ?? []
  const align = (column: number) => block.column_settings?.[column]?.align ?? 'left'
  return (
    <figure className="table">
      {block.caption !== undefined && <figcaption>{block.caption}</figcaption>}
      <div className="table-room">
        <table aria-label={block.caption}>
          <thead>
            <tr>
              {head.map((cell, column) => (
                <th key={column} scope="col" style={{ textAlign: align(column) }}>
                  <CellContent cell={cell} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((cells, row) => (
              <tr key={row}>
                {cells.map((cell, column) => (
                  <td key={column} style={{ textAlign: align(column) }} data-label={bare(head[column])}>
                    <CellContent cell={cell} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  )
}

function CellContent({ cell }: { readonly cell: Cell }): ReactNode {
  if (cell.type === 'rich_text') return <FromLibrary block={cell as unknown as Block} />
  return plain(cell.text ?? String(cell.value ?? ''))
}

function bare(cell: Cell | undefined): string {
  if (cell === undefined) return ''
  if (cell.type !== 'rich_text') return cell.text ?? String(cell.value ?? '')
  const texts = JSON.stringify(cell.elements).matchAll(/"text":("(?:[^"\\]|\\.)*")/g)
  return [...texts].map(([, text]) => JSON.parse(text ?? '""') as string).join('')
}
