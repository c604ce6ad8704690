/** Names of towns and ports on the base map, in the page's language. */
import { mercatorX, mercatorY } from "../geo.ts";
import type { Language } from "../i18n/index.ts";
import type { Spot } from "./labels.ts";
import places_ from "./places.json";
import ports_ from "./ports.json";

/** [English, Chinese, lon, lat, rank from 1]. */
const TOWNS = places_ as [string, string, number, number, number][];
/** [name in the World Port Index, lon, lat, size from 1 to 3]. */
const PORTS = ports_ as [string, number, number, number][];

/** The least zoom for a town of a rank. */
const TOWN_ZOOM = [0, 2, 3.6, 5, 6.2, 8];
/** The least zoom for a port of a size. */
const PORT_ZOOM = [0, 8, 7, 6];

/** Chinese names of ports that the index has in older spellings or that matter most. The others keep the index's name. */
const PORT_ZH: Record<string, string> = {
  Qingdao: "青岛港",
  Shanghai: "上海港",
  Dalian: "大连港",
  "Tianjin Xin": "天津新港",
  "Dagu Tanggu": "塘沽",
  Guangzhou: "广州港",
  Huangpu: "黄埔",
  Huangpuxingang: "黄埔新港",
  "Fang-Cheng": "防城港",
  Qinzhou: "钦州港",
  Beihai: "北海港",
  Zhanjiang: "湛江港",
  Haikou: "海口港",
  Yangpu: "洋浦港",
  Basuo: "八所港",
  Sanya: "三亚港",
  Chiwan: "赤湾",
  Shekou: "蛇口",
  Yantian: "盐田",
  Huizhou: "惠州港",
  "Shan T Ou": "汕头港",
  Chaozhou: "潮州港",
  Dongshan: "东山",
  Zhangzhou: "漳州港",
  Xiamen: "厦门港",
  Quanzhou: "泉州港",
  Xiuyu: "秀屿",
  Fuzhou: "福州港",
  Wenzhou: "温州港",
  Haimen: "海门",
  Ningbo: "宁波港",
  "Zhen Hai": "镇海",
  Zhoushan: "舟山港",
  Zhapu: "乍浦",
  Taicang: "太仓港",
  Changshu: "常熟",
  Nantong: "南通港",
  Zhangjiangang: "张家港",
  Jiangyin: "江阴",
  Gaogang: "高港",
  Changzhou: "常州港",
  Zhenjiang: "镇江港",
  Yangzhou: "扬州港",
  Nanjing: "南京港",
  "Wu Hu": "芜湖港",
  Ankingcheng: "安庆",
  Hankow: "汉口",
  "Chung Ching": "重庆港",
  Wanxian: "万州",
  Lianyungang: "连云港",
  Lanshan: "岚山",
  Rizhao: "日照港",
  Weihai: "威海港",
  Yantai: "烟台港",
  Penglai: "蓬莱",
  Longkou: "龙口港",
  "Tangshan (Jingtang)": "京唐港",
  Qinhuangdao: "秦皇岛港",
  Huludao: "葫芦岛港",
  "Jinzhou Wan": "锦州湾",
  Yingkou: "营口港",
  Bayuquan: "鲅鱼圈",
  Dandong: "丹东港",
  Lushun: "旅顺",
  Zhuhai: "珠海港",
  Changxing: "长兴",
  "Shui Dong": "水东",
  Suizhang: "绥中",
};

export function places(language: Language): Spot[] {
  const towns = TOWNS.map(([en, zh, lon, lat, rank]): Spot => ({
    text: language === "zh" ? zh : en,
    x: mercatorX(lon),
    y: mercatorY(lat),
    zoom: TOWN_ZOOM[rank] ?? 8,
    style: "city",
  }));
  const ports = PORTS.map(([name, lon, lat, size]): Spot => ({
    text: language === "zh" ? (PORT_ZH[name] ?? name) : name,
    x: mercatorX(lon),
    y: mercatorY(lat),
    zoom: PORT_ZOOM[size] ?? 9,
    style: "port",
  }));
  return [...towns, ...ports];
}
