// What the page says, in both languages. {x} is filled in.
export const words = {
  en: {
    language: "中文", languageTitle: "切换到中文", unitsTitle: "Other units", day: "Day", night: "Night",
    speed: "Speed", sky: "Satellites", around: "Fences around", notice: "From the dispatcher, {at}", trouble: "The unit does not answer",
    linked: "Connected", unlinked: "No connection for {for}", waitNone: "All sent", wait: "{n} waiting", waitFor: "{n} waiting, {for}",
    memory: "Disk full or broken: {n} only in memory",
    good: "Position good", fair: "Position fair", poor: "Position poor", refused: "Position doubtful: {why}", lost: "No position for {for}",
    never: "No position yet", silent: "Receiver silent for {for}", mute: "Receiver says nothing yet", error: "±{m}",
    sats: "{n} satellites", withBeidou: "{n} of them BeiDou",
    why_mode: "no full solution", why_satellites: "too few satellites", why_hdop: "weak geometry", why_future: "time in the future",
    why_past: "time too old", why_jump: "impossible jump", why_simulator: "simulated", why_manual: "not measured",
    why_zero_island: "no real place", why_same_time: "time stands still", why_datum: "other datum", why_backward: "time goes back",
    enter: "Entered {fence}", exit: "Left {fence}", overspeed: "Too fast in {fence}", dwell: "Long stay in {fence}",
    tooFast: "TOO FAST: limit {limit}", limitHere: "limit here", limit: "limit {limit}",
    inside: "inside since {at} · {for}", insideAtLeast: "inside for at least {for}", away: "{far} away", ahead: "{far} ahead", behind: "{far} behind",
    stay: "Reported after {stay}", stayLeft: "Stay: {left} until it is reported", stayOver: "Stay of {stay} reached, reported",
    noFences: "None near", unknownFences: "Not received yet", moreFences: "+{n} more",
    read: "I have read it",
    legend: "Filled: in use. Above the bars: signal in dB-Hz, ⌀ its mean.", inUse: "{used} of {seen} in use", average: "⌀ {n}", noSky: "No satellites in view",
    antennaOPEN: "Antenna not connected", antennaSHORT: "Antenna short-circuited", plot: "Sky view: {n} satellites",
    receiver: "Receiver: {name}", standby: "standby: {name}", setup: "set-up: {state}", settingsBad: "Settings of the centre refused: {why}",
    north: "N", east: "E", south: "S", west: "W",
    sec: "{n} s", min: "{n} min", hours: "{n} h", days: "{n} d", metres: "{n} m", km: "{n} km", nm: "{n} nm", kmh: "km/h", kn: "kn",
    gate: "Gate", yard: "Yard", berth: "Berth", anchorage: "Anchorage", corridor: "Corridor", zone: "Zone",
  },
  zh: {
    language: "English", languageTitle: "Switch to English", unitsTitle: "切换单位", day: "日间", night: "夜间",
    speed: "速度", sky: "卫星", around: "附近围栏", notice: "调度通知，{at}", trouble: "车载终端没有响应",
    linked: "已连接", unlinked: "未连接 {for}", waitNone: "已全部发送", wait: "待发送 {n} 条", waitFor: "待发送 {n} 条，{for}",
    memory: "磁盘已满或损坏：{n} 条仅在内存中",
    good: "定位良好", fair: "定位一般", poor: "定位较差", refused: "定位可疑：{why}", lost: "{for}无定位",
    never: "尚未定位", silent: "接收机 {for}无数据", mute: "接收机尚无数据", error: "±{m}",
    sats: "{n} 颗卫星", withBeidou: "其中北斗 {n} 颗",
    why_mode: "解算不完整", why_satellites: "卫星太少", why_hdop: "几何分布差", why_future: "时间超前",
    why_past: "时间过旧", why_jump: "位置跳变", why_simulator: "模拟数据", why_manual: "非实测",
    why_zero_island: "位置无效", why_same_time: "时间停滞", why_datum: "坐标系不同", why_backward: "时间倒退",
    enter: "进入 {fence}", exit: "离开 {fence}", overspeed: "超速：{fence}", dwell: "停留过久：{fence}",
    tooFast: "已超速：限速 {limit}", limitHere: "此处限速", limit: "限速 {limit}",
    inside: "{at} 进入 · 已 {for}", insideAtLeast: "在内至少 {for}", away: "相距 {far}", ahead: "前方 {far}", behind: "后方 {far}",
    stay: "停留满 {stay}将上报", stayLeft: "停留：{left}后上报", stayOver: "停留已满 {stay}，已上报",
    noFences: "附近没有", unknownFences: "尚未收到", moreFences: "另有 {n} 个",
    read: "我已阅读",
    legend: "实心：参与定位。柱上数字：信号强度 dB-Hz，⌀ 为平均值。", inUse: "使用 {used} / 可见 {seen}", average: "⌀ {n}", noSky: "看不到卫星",
    antennaOPEN: "天线未连接", antennaSHORT: "天线短路", plot: "天空图：{n} 颗卫星",
    receiver: "接收机：{name}", standby: "备用：{name}", setup: "模块设置：{state}", settingsBad: "中心下发的设置未生效：{why}",
    north: "北", east: "东", south: "南", west: "西",
    sec: "{n} 秒", min: "{n} 分钟", hours: "{n} 小时", days: "{n} 天", metres: "{n} 米", km: "{n} 公里", nm: "{n} 海里", kmh: "km/h", kn: "节",
    gate: "闸口", yard: "堆场", berth: "泊位", anchorage: "锚地", corridor: "通道", zone: "区域",
  },
};

/** The constellations, BeiDou first: both names, and the letter that RINEX gives their satellites. */
export const systems = {
  beidou: ["北斗 BeiDou", "C"], gps: ["GPS", "G"], galileo: ["伽利略 Galileo", "E"], glonass: ["格洛纳斯 GLONASS", "R"],
  qzss: ["准天顶 QZSS", "J"], navic: ["NavIC", "I"], sbas: ["星基增强 SBAS", "S"],
};

export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
