// Money is `{currencyCode, units, nanos}` as in the API: reckoned in whole nanos, never in floats.

const NANOS = 1_000_000_000n;

/** An amount in billionths of its currency's unit. */
export const toNanos = (money) => BigInt(money?.units ?? 0) * NANOS + BigInt(money?.nanos ?? 0);

/** Billionths of a unit as money. */
export const fromNanos = (nanos, currencyCode) => ({
  currencyCode,
  units: String(nanos / NANOS),
  nanos: Number(nanos % NANOS),
});

/** A whole number of times an amount. */
export const times = (money, count) => fromNanos(toNanos(money) * BigInt(count), money.currencyCode);

/** Hundredths of a percent of an amount, rounded half up to what its currency can pay. */
export function share(money, basisPoints) {
  const step = 10n ** BigInt(9 - decimalsOf(money.currencyCode));
  const whole = 10_000n * step;
  const exact = toNanos(money) * BigInt(basisPoints);
  return fromNanos(((exact * 2n + whole) / (whole * 2n)) * step, money.currencyCode);
}

/** -1, 0 or 1. */
export const sign = (money) => {
  const nanos = toNanos(money);
  return nanos < 0n ? -1 : nanos > 0n ? 1 : 0;
};

/**
 * Currencies that have not two decimals, as ISO 4217 has them and the API counts: browsers have what people use in
 * cash. A test of the edge holds this list and the API's together.
 */
const DECIMALS = [
  [0, 'BIF BYR CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'],
  [3, 'BHD IQD JOD KWD LYD OMR TND'],
];
const decimals = new Map(DECIMALS.flatMap(([count, codes]) => codes.split(' ').map((code) => [code, count])));

/** How many decimals a currency has. */
export const decimalsOf = (currencyCode) => decimals.get(currencyCode) ?? 2;

/** The exact decimal number: `12.99`. */
export function toDecimal(money, least = decimalsOf(money.currencyCode)) {
  const nanos = toNanos(money);
  const digits = String(nanos < 0n ? -nanos : nanos).padStart(10, '0');
  const fraction = digits.slice(-9).replace(/0+$/, '').padEnd(least, '0');
  return `${nanos < 0n ? '-' : ''}${digits.slice(0, -9)}${fraction ? '.' : ''}${fraction}`;
}

/** A decimal number that a person typed, with a point or a comma, as money; undefined where it is none. */
export function parseMoney(text, currencyCode) {
  const match = /^(-?)(\d{1,12})(?:[.,](\d{1,9}))?$/.exec(String(text).trim());
  if (!match) return undefined;
  const [, minus, whole, fraction = ''] = match;
  // As written: three digits after a point could be thousands.
  if (fraction.length > decimalsOf(currencyCode)) return undefined;
  const nanos = BigInt(whole) * NANOS + BigInt(fraction.padEnd(9, '0'));
  return fromNanos(minus ? -nanos : nanos, currencyCode);
}

const formats = new Map();

/** As people of the browser's language write it: `€12.99`. */
export function formatMoney(money) {
  if (!money?.currencyCode) return '';
  const decimal = toDecimal(money);
  // As many as there are: nothing is rounded.
  const digits = decimal.includes('.') ? decimal.length - decimal.indexOf('.') - 1 : 0;
  const key = `${money.currencyCode} ${digits}`;
  let format = formats.get(key);
  if (!format) {
    const { currencyCode: currency } = money;
    try {
      format = new Intl.NumberFormat(undefined, { style: 'currency', currency, minimumFractionDigits: digits, maximumFractionDigits: digits });
    } catch {
      return `${decimal} ${currency}`;
    }
    formats.set(key, format);
  }
  // Given as text, a number of any length is formatted exactly.
  return format.format(decimal);
}
