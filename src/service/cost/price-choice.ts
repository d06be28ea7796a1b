/** Which prices to reckon with: a region's, or a file's. */
import { readFile } from 'node:fs/promises';
import { invalid } from '../../base/errors.ts';
import { type JsonValue, parseJson } from '../../base/json.ts';
import { type PriceList, priceLists, pricesOf, pricesOfJson } from '../../metering/prices.ts';

/**
 * @param choice a region, or the path of a price list; undefined: those of the region that is worked in, where they are known
 * @throws LakeError `invalid` LAKE_NO_PRICES, LAKE_BAD_PRICES
 */
export async function chosenPrices(choice: string | undefined, region: string | undefined): Promise<PriceList> {
  if (choice === undefined) return pricesOf(priceLists.some(list => list.region === region) ? region : undefined);
  if (!/[./\\]/.test(choice)) return pricesOf(choice);
  let json: JsonValue;
  try {
    json = parseJson(await readFile(choice, 'utf8'));
  } catch (error) {
    throw invalid('LAKE_BAD_PRICES', `${choice} is no price list: it cannot be read as JSON`, { cause: error });
  }
  return pricesOfJson(json, choice);
}
