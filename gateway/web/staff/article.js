// One article: made, changed, given a picture, deleted.

import { call } from '../api.js';
import { formatMoney } from '../money.js';
import { go } from '../router.js';
import { skeleton } from '../states.js';
import { confirm, moment, press, submit, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { articleFields, articleOf, conflict, differences, inShop } from './article-form.js';
import { isLow } from './articles.js';
import { facts, frame, heading, invalid } from './common.js';
import { picture, pictureField, pictureOf, readHidden, sendPicture } from './picture.js';
import { mayCall } from './rights.js';
import { percentOf } from './words.js';

const above = html`<a href="/staff/articles">Articles</a>`;

export default function page(view) {
  return view.params.id ? edit(view) : create(view);
}

function create(view) {
  view.title('New article · Staff');
  const make = submit(async (values, form) => {
    const file = pictureOf(form);
    const article = await call('POST', '/v1/articles', { body: articleOf(values) });
    let refused;
    if (file) await sendPicture(article, file).catch((error) => (refused = error));
    await go(`/staff/articles/${article.id}`, { replace: true });
    if (refused) toast('The article is made, but its picture was not taken. Choose another one here.', 'bad');
    else toast('The article is made. Receive stock to sell it.');
  });
  frame(view, html`
    ${heading('New article', nothing, above)}
    <form class="halves" @submit=${make}>
      <section class="panel">${articleFields()}<div class="actions"><button>Make the article</button></div></section>
      <section class="panel"><h2>Picture</h2>${pictureField()}</section>
    </form>
  `);
}

async function edit(view) {
  const path = `/v1/articles/${view.params.id}`;
  view.title('Article · Staff');
  frame(view, html`${heading('Article', nothing, above)}${skeleton(6)}`);
  let article;
  // As it was last typed, where somebody else was quicker.
  let mine;

  const read = async () => {
    article = await call('GET', path, { signal: view.signal });
  };
  const saved = (now, text) => {
    article = now;
    mine = undefined;
    draw();
    view.run(seeHidden);
    toast(text);
  };
  const seeHidden = async () => {
    if (await readHidden([article], view.signal)) draw();
  };
  const again = async (error) => {
    if (error.reason !== 'ETAG_MISMATCH') return false;
    await read();
    draw();
    return false;
  };
  const save = submit(
    async (values, form) => {
      const wanted = articleOf(values);
      mine = wanted;
      const changed = differences(article, wanted);
      if (!changed.length) return saved(article, 'There is nothing to save: nothing was changed.');
      const body = { etag: article.etag, ...Object.fromEntries(changed.map((name) => [name, wanted[name]])) };
      saved(await call('PATCH', path, { body, query: { updateMask: changed.join() } }), 'The article is saved.');
      return form.reset();
    },
    async (error) => {
      if (error.reason !== 'ETAG_MISMATCH') {
        mine = undefined;
        return false;
      }
      await read();
      draw();
      document.querySelector('.conflict').focus();
      return true;
    },
  );
  const take = () => {
    mine = undefined;
    draw();
    // Inputs that nobody typed into show what is saved.
    document.getElementById('f-name').form.reset();
    document.getElementById('f-name').focus();
  };
  const upload = submit(async (_, form) => {
    const file = pictureOf(form);
    if (!file) throw invalid('picture', 'choose one first');
    const now = await sendPicture(article, file);
    form.reset();
    form.querySelector('.upload img').hidden = true;
    return saved(now, 'The article has its picture.');
  }, again);
  const unpicture = press(async () => {
    const text = 'The article is then shown without one.';
    if (!(await confirm({ title: 'Take the picture away?', text, action: 'Take it away' }))) return;
    saved(await call('PATCH', path, { body: { imageUrl: '', etag: article.etag }, query: { updateMask: 'imageUrl' } }), 'The picture is gone.');
  }, again);
  const remove = press(async () => {
    const text = `${article.name} (${article.code}) disappears from the shop for good. Orders that have it stay as they are. To stop selling it for a while, take it off sale instead.`;
    if (!(await confirm({ title: 'Delete this article?', text, action: 'Delete the article' }))) return;
    await call('DELETE', path);
    await go('/staff/articles', { replace: true });
    toast('The article is deleted.');
  });

  const draw = () => {
    view.title(`${article.name} · Staff`);
    frame(view, html`
      ${heading(article.name, inShop(article), above)}
      ${mine ? conflict(mine, article, take) : nothing}
      <div class="halves">
        <section class="panel">
          <h2>What it is</h2>
          ${mayCall('UpdateArticle')
            ? html`
                <form @submit=${save}>
                  ${articleFields(article)}
                  <div class="actions"><button>Save</button></div>
                </form>
              `
            : facts([
                ['Code', html`<code>${article.code}</code>`],
                ['Category', article.category],
                ['Price', article.price ? formatMoney(article.price) : ''],
                ['Tax in it', `${percentOf(article.taxRateBasisPoints)} %`],
                ['Description', article.description, true],
              ])}
        </section>
        <div>
          <section class="panel">
            <h2>Stock ${isLow(article) ? html`<span class="badge warn">running low</span>` : nothing}</h2>
            ${facts([['Free', article.available], ['Order again at', article.lowStockThreshold]])}
            <p><a class="button plain" href="/staff/articles/${article.id}/stock">${mayCall('AdjustStock') ? 'Receive, correct, movements' : 'More about it'}</a></p>
          </section>
          <section class="panel">
            <h2>Picture</h2>
            ${article.imageUrl ? picture(article, { alt: `What ${article.name} looks like` }) : nothing}
            ${mayCall('UploadImage')
              ? html`
                  <form @submit=${upload}>
                    ${pictureField(article.imageUrl ? 'Another picture' : 'Picture')}
                    <div class="actions">
                      <button class="plain">Use this picture</button>
                      ${article.imageUrl ? html`<button type="button" class="link" @click=${unpicture}>Take it away</button>` : nothing}
                    </div>
                  </form>
                `
              : article.imageUrl
                ? nothing
                : html`<p class="quiet">None.</p>`}
          </section>
          <section class="panel">
            ${facts([['Made', moment(article.createTime)], ['Changed', moment(article.updateTime)], ['Id', html`<code>${article.id}</code>`, true]])}
            ${mayCall('DeleteArticle') ? html`<p><button class="danger" @click=${remove}>Delete the article</button></p>` : nothing}
          </section>
        </div>
      </div>
    `);
  };
  await read();
  draw();
  await seeHidden();
}
