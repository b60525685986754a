/** How many columns and rows make the tiles largest. Pure. */

export interface Grid {
  readonly columns: number;
  readonly rows: number;
  readonly width: number;
  readonly height: number;
  /** How many tiles are on one page. */
  readonly capacity: number;
}

export interface GridInput {
  readonly count: number;
  readonly width: number;
  readonly height: number;
  readonly gap: number;
  /** Width by height of a tile may be anything between these two: faces stay whole, and little of the stage is empty. */
  readonly aspects: readonly [narrow: number, wide: number];
  /** Smaller tiles than this are not worth showing: the rest goes on another page. */
  readonly minWidth: number;
  readonly minHeight: number;
  readonly maxPerPage: number;
}

/** The best grid for `count` tiles; with a `capacity` below `count` when they do not all fit. */
export function packGrid(input: GridInput): Grid {
  let capacity = Math.max(1, Math.min(input.count, input.maxPerPage));
  let grid = best(input, capacity);
  while ((grid.width < input.minWidth || grid.height < input.minHeight) && capacity > 1) {
    capacity -= 1;
    grid = best(input, capacity);
  }
  return { ...grid, capacity };
}

/** As large as a picture of a wall is, of many conversations at once. */
const THUMBNAIL = { width: 160, height: 90 } as const;

/** Small pictures beside each other, as many as there is room for. */
export function packWall({ width, height, gap, maxPerPage, count }: GridInput): Grid {
  const fit = (room: number, one: number): number => Math.max(1, Math.floor((room + gap) / (one + gap)));
  const columns = fit(width, THUMBNAIL.width);
  const capacity = Math.min(columns * fit(height, THUMBNAIL.height), maxPerPage);
  return { columns: Math.min(columns, Math.max(1, count)), rows: Math.ceil(Math.min(count, capacity) / columns), ...THUMBNAIL, capacity };
}

function best({ width, height, gap, aspects: [narrow, wide] }: GridInput, count: number): Omit<Grid, 'capacity'> {
  let found = { columns: 1, rows: count, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const fitWidth = Math.max(0, Math.floor((width - gap * (columns - 1)) / columns));
    const fitHeight = Math.max(0, Math.floor((height - gap * (rows - 1)) / rows));
    const tileWidth = Math.min(fitWidth, Math.floor(fitHeight * wide));
    const tileHeight = Math.min(fitHeight, Math.floor(tileWidth / narrow));
    if (tileWidth * tileHeight > found.width * found.height) found = { columns, rows, width: tileWidth, height: tileHeight };
  }
  return found;
}

/** Upright stages (a phone) may have upright tiles, so that two people fill the screen. */
export function aspectsFor(width: number, height: number): readonly [number, number] {
  return width >= height ? [4 / 3, 16 / 9] : [3 / 4, 16 / 9];
}
